"""The Celery application: `celery -A core worker`, `celery -A core beat`."""

from __future__ import annotations

import logging
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

from celery import Celery

from workers.schedule import beat_schedule
from workers.topology import celery_options

app = Celery("nexus", include=["workers.tasks"])
app.conf.update(celery_options(), beat_schedule=beat_schedule(), timezone="UTC", enable_utc=True)

# Two lines for every batch and one for every sweep would say nothing, and cost more than some batches.
for _chatty in ("celery.worker.strategy", "celery.app.trace", "celery.beat"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)
