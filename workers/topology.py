"""The broker's exchanges and queues, and what Celery is told about them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from kombu import Connection, Exchange, Queue

APPLY_BATCH = "workers.apply_batch"
SWEEP = "workers.sweep"
DELETE_EXPIRED = "workers.delete_expired"  # in the default queue: a sweep would push it out of the sweeps
AUDIT = "workers.audit"  # likewise

# A message that killed its worker this often goes to the dead letters. Every lost connection counts too, hence not fewer.
_DELIVERY_LIMIT = 20
_DEAD_LETTERS_KEPT = 10_000
_SWEEPS_KEPT = 1


def uses_amqp() -> bool:
    """Whether the broker is RabbitMQ; else it is Redis, which knows neither confirms nor dead letters."""
    return urlsplit(settings.BROKER_URL).scheme in {"amqp", "amqps", "pyamqp"}


def exchange() -> Exchange:
    return Exchange(settings.QUEUE_PREFIX, type="direct", durable=True)


def batches_queue() -> Queue:
    """One message is one batch to be applied."""
    return _queue("batches", {"x-dead-letter-exchange": f"{settings.QUEUE_PREFIX}.dead", "x-dead-letter-routing-key": "dead"})


def sweeps_queue() -> Queue:
    """Apart from the batches, so that a backlog of them does not hold sweeps up; only the latest sweep is kept."""
    return _queue("sweeps", {"x-max-length": _SWEEPS_KEPT, "x-overflow": "drop-head"})


def dead_queue() -> Queue:
    """What could not be decoded or killed its worker again and again, for people to look at."""
    name = f"{settings.QUEUE_PREFIX}.dead"
    return Queue(
        name,
        Exchange(name, type="direct", durable=True),
        routing_key="dead",
        durable=True,
        queue_arguments={"x-queue-type": "quorum", "x-max-length": _DEAD_LETTERS_KEPT, "x-overflow": "drop-head"},
    )


def declare(connection: Connection) -> None:
    """Declares everything, so that nothing is published into the void. Any number of times. Raises the connection's errors."""
    with connection.channel() as channel:
        for queue in ([dead_queue()] if uses_amqp() else []) + [batches_queue(), sweeps_queue()]:
            queue(channel).declare()


def _queue(name: str, arguments: dict[str, Any]) -> Queue:
    full_name = f"{settings.QUEUE_PREFIX}.{name}"
    if not uses_amqp():
        return Queue(full_name, exchange(), routing_key=name, durable=True)
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": _DELIVERY_LIMIT} | arguments
    return Queue(full_name, exchange(), routing_key=name, durable=True, queue_arguments=arguments)


def celery_options() -> dict[str, Any]:
    """Celery's settings, for RabbitMQ or Redis as the broker."""
    batches, sweeps = batches_queue(), sweeps_queue()
    return {
        "broker_url": settings.BROKER_URL,
        "broker_connection_timeout": 4.0,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlives any outage of the broker
        "broker_heartbeat": 10,
        "broker_transport_options": _transport_options(),
        "control_queue_exclusive": uses_amqp(),  # RabbitMQ 4.3 refuses transient queues that are not
        "event_queue_exclusive": uses_amqp(),
        "task_queues": [batches, sweeps],
        "task_create_missing_queues": False,
        "task_default_queue": batches.name,
        "task_default_exchange": batches.exchange.name,
        "task_default_exchange_type": "direct",
        "task_default_routing_key": batches.routing_key,
        "task_routes": {
            APPLY_BATCH: {"queue": batches.name, "routing_key": batches.routing_key},
            SWEEP: {"queue": sweeps.name, "routing_key": sweeps.routing_key},
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        "task_send_sent_event": False,
        # Its queue is exclusive and named after the host: a second worker there, or one restarted before the broker missed the first, would not start.
        "worker_enable_remote_control": False,
        "worker_consumer": "workers.consumer:BatchConsumer",
        "worker_prefetch_multiplier": 2,  # static: quorum queues take no other, and a lost worker takes few deliveries with it
        "worker_enable_prefetch_count_reduction": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # a batch that was being applied is finished; its second delivery counts nothing
        "worker_soft_shutdown_timeout": 5.0,
        "worker_hijack_root_logger": False,  # core/settings/logs.py decides
        "worker_redirect_stdouts": False,
        "CELERY_DB_REUSE_MAX": 10_000,  # without it Celery closes the database connection after every task
    }


def _transport_options() -> dict[str, Any]:
    if uses_amqp():
        return {"confirm_publish": True, "read_timeout": 30, "write_timeout": 10}
    return {
        "visibility_timeout": 60,
        "unacked_restore_throttle": 1,
        "global_keyprefix": f"{settings.QUEUE_PREFIX}:broker:",
        "socket_timeout": 10,
        "socket_connect_timeout": 4,
        "socket_keepalive": True,
    }
