"""Celery's consumer as we want it: no queues for delayed delivery, no message that can end the worker, and soon back when the broker is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from celery.worker.consumer import Consumer

from workers.messages import UndecodableMessage, check_envelope

logger = logging.getLogger(__name__)

# Nothing here has an ETA, and they would be 28 quorum queues.
_DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"

# Celery's own pauses grow by two seconds each time, up to thirty: after a minute without the broker, results would stand still for a quarter more.
_PAUSES = {"interval_start": 0.25, "interval_step": 0.25, "interval_max": 2.0}


class BatchConsumer(Consumer):
    connection_errors: tuple[type[BaseException], ...]  # Celery's own sets it, its stubs do not know

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]  # Celery finds it by its name
        default_steps: ClassVar[list[object]] = [step for step in Consumer.Blueprint.default_steps if step != _DELAYED_DELIVERY]

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(conn.ensure_connection, **_PAUSES)
        return super().ensure_connected(conn)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Celery's, but whatever a message makes it raise is that message's end and not the worker's, which would meet it again when it is back."""
        handle = super().create_task_handler(*arguments, **options)

        def handle_or_reject(message: Any) -> None:
            try:
                check_envelope(message.headers, message.content_type, message.content_encoding, message.body)
                handle(message)
            except UndecodableMessage as error:
                logger.error("a message goes to the dead letters: %s", error)  # noqa: TRY400  (where it was found says nothing)
                self._reject(message)
            except self.connection_errors:
                raise
            except Exception as error:
                logger.exception("a message goes to the dead letters: %s", repr(error))  # noqa: TRY401  (the line alone should say it)
                self._reject(message)

        return handle_or_reject

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Celery's drops it; so that people can look at it, it goes where all goes that cannot be read."""
        logger.error("a message goes to the dead letters: it cannot be decoded: %s", exc)
        self._reject(message)

    def _reject(self, message: Any) -> None:
        if not message.acknowledged:
            message.reject_log_error(logger, self.connection_errors)
