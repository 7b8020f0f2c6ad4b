"""The WSGI application."""

from __future__ import annotations

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.drf.settings")
application = get_wsgi_application()
import_module(settings.ROOT_URLCONF)  # before the fork, so that no worker's first requests pay for imports
gc.collect()
gc.freeze()  # what is loaded for good is shared by the workers and never looked at again
