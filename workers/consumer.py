"""Celery's consumer without the queues for delayed delivery: nothing here has an ETA, and they would be 28 quorum queues."""

from __future__ import annotations

from typing import ClassVar

from celery.worker.consumer import Consumer

_DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class BatchConsumer(Consumer):
    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]  # Celery finds it by its name
        default_steps: ClassVar[list[object]] = [step for step in Consumer.Blueprint.default_steps if step != _DELAYED_DELIVERY]
