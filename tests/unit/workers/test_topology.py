"""What the broker and Celery are told."""

from __future__ import annotations

import pytest
from celery import Celery
from pytest_django.fixtures import Settings

from workers import tasks
from workers.consumer import BatchConsumer
from workers.schedule import beat_schedule
from workers.topology import batches_queue, celery_options, dead_queue, sweeps_queue, uses_amqp


@pytest.fixture(params=["amqp://guest:guest@127.0.0.1/x", "redis://127.0.0.1/3"], ids=["rabbitmq", "redis"])
def application(request: pytest.FixtureRequest, settings: Settings) -> Celery:
    settings.BROKER_URL = request.param
    application = Celery("test", set_as_current=False)
    application.conf.update(celery_options())
    return application


def test_a_task_is_acknowledged_late_and_kept_when_its_worker_dies(application: Celery) -> None:
    conf = application.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert not conf.task_acks_on_failure_or_timeout
    assert conf.task_ignore_result
    assert not conf.worker_enable_prefetch_count_reduction
    assert 0 < conf.worker_soft_shutdown_timeout < 10


def test_each_task_has_its_queue_by_the_prefix(application: Celery, settings: Settings) -> None:
    route = application.amqp.router.route({}, "workers.apply_batch")
    assert route["queue"].name == f"{settings.QUEUE_PREFIX}.batches"
    route = application.amqp.router.route({}, "workers.sweep")
    assert route["queue"].name == f"{settings.QUEUE_PREFIX}.sweeps"
    route = application.amqp.router.route({}, "workers.delete_expired")
    assert route["queue"].name == f"{settings.QUEUE_PREFIX}.batches"


def test_beat_sets_off_tasks_that_there_are() -> None:
    assert {entry["task"] for entry in beat_schedule().values()} == {tasks.sweep.name, tasks.delete_expired.name, tasks.audit.name}


def test_on_rabbitmq_every_queue_is_a_quorum_queue_and_batches_die_into_the_dead_letters(settings: Settings) -> None:
    settings.BROKER_URL = "amqp://guest:guest@127.0.0.1/x"
    assert uses_amqp()
    for queue in (batches_queue(), sweeps_queue(), dead_queue()):
        assert queue.durable
        assert queue.queue_arguments["x-queue-type"] == "quorum"
    assert batches_queue().queue_arguments["x-dead-letter-exchange"] == dead_queue().exchange.name
    assert batches_queue().queue_arguments["x-delivery-limit"] > 1


def test_on_redis_queues_are_plain_and_lost_messages_come_back_after_a_minute(settings: Settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1/3"
    assert not uses_amqp()
    assert not batches_queue().queue_arguments
    assert celery_options()["broker_transport_options"]["visibility_timeout"] == 60


def test_nothing_is_declared_for_delayed_delivery() -> None:
    assert not any("DelayedDelivery" in str(step) for step in BatchConsumer.Blueprint.default_steps)
    assert BatchConsumer.Blueprint.default_steps
