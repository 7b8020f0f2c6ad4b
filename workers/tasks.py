"""The Celery tasks: each decodes, calls one function, and acknowledges."""

from __future__ import annotations

import logging

from celery import shared_task
from celery.exceptions import Reject

from core.accounts.expired import delete_expired as delete_expired_rows
from projections.rendering import render, render_lagging
from projections.writer import apply_batch as count_batch
from workers.audit_schedule import audit_a_little
from workers.messages import BatchMessage, UndecodableMessage
from workers.outages import OutageTooLong, outlast
from workers.retention import delete_old_batches
from workers.topology import APPLY_BATCH, AUDIT, DELETE_EXPIRED, SWEEP

logger = logging.getLogger(__name__)

_APPLY_SECONDS = 15.0  # below the grace period of a shutdown
_SWEEP_SECONDS = 1.0


@shared_task(name=APPLY_BATCH)
def apply_batch(**arguments: object) -> None:
    """Counts a batch and renders its polls. Only what cannot be read goes to the dead letters; after a long outage the relay publishes again."""
    try:
        message = BatchMessage.decode(arguments)
    except UndecodableMessage as error:
        logger.error("a message goes to the dead letters: %s", error)  # noqa: TRY400  (where it was found says nothing)
        raise Reject(error, requeue=False) from error
    try:
        outlast(lambda: _count_and_render(message), seconds=_APPLY_SECONDS)
    except OutageTooLong as error:
        logger.error("batch %s is left to be published again: %s", message.batch_id, error)  # noqa: TRY400


@shared_task(name=SWEEP)
def sweep() -> None:
    """Renders what lags: after a worker died before Redis had it, or while Redis was away."""
    try:
        outlast(render_lagging, seconds=_SWEEP_SECONDS)
    except OutageTooLong as error:
        logger.warning("nothing swept: %s", error)


@shared_task(name=DELETE_EXPIRED)
def delete_expired() -> None:
    """Takes away refresh tokens and sessions whose time is over, and batches that were counted long ago."""
    try:
        gone = outlast(delete_expired_rows, seconds=_SWEEP_SECONDS)
        batches = outlast(delete_old_batches, seconds=_SWEEP_SECONDS)
    except OutageTooLong as error:
        logger.warning("nothing that has expired was deleted: %s", error)
    else:
        logger.info("%d expired tokens and sessions, and %d batches that were counted long ago, are deleted", gone, batches)


@shared_task(name=AUDIT)
def audit() -> None:
    """Compares a few polls' results with the log; drift is an error in the log and a metric."""
    try:
        outlast(audit_a_little, seconds=_SWEEP_SECONDS)
    except OutageTooLong as error:
        logger.warning("nothing audited: %s", error)


def _count_and_render(message: BatchMessage) -> None:
    applied = count_batch(message.batch_id)
    if applied is None:
        logger.warning("batch %s of epoch %d is not in this database; its message is dropped", message.batch_id, message.epoch)
        return
    render(applied.polls)
