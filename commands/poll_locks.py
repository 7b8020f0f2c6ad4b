"""A poll's row under its locks, and what may be asked and done only there: the clock, whether it has votes, the seal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from commands.models import Poll
from core.errors import NotFound, Unavailable
from core.log_identity import LogIdentityError, check_log_identity
from core.sql import queries

_SQL = queries(Path(__file__).parent, "polls.sql")
_LONGEST_WAIT = "5s"
_log = logging.getLogger(__name__)


@contextmanager
def locked_poll(poll_id: UUID) -> Iterator[Poll]:
    """One transaction that holds the poll: no vote of it commits and no other change happens until the block ends, which commits.

    Takes the poll's advisory lock, then its row FOR UPDATE; only one poll may be held at a time, and never inside another transaction.
    Raises `NotFound`, and `Unavailable` when a lock is not had within five seconds or the database goes away (a change may then have happened).
    """
    try:
        with transaction.atomic(durable=True):
            _value("bound_waiting", _LONGEST_WAIT)
            _value("lock_out_voters", poll_id)
            poll = Poll.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=poll_id).first()
            if poll is None:
                raise NotFound("There is no such poll.")
            yield poll
    except OperationalError as error:
        raise Unavailable("The poll is busy just now; try again.") from error


@contextmanager
def shared_poll(poll_id: UUID) -> Iterator[Poll]:
    """One transaction in which the poll stays as it is, while votes of it go on; the block's end commits. Keep it short.

    Takes the poll's advisory lock and its row as a group of votes does; raises as `locked_poll`.
    """
    try:
        with transaction.atomic(durable=True):
            _value("bound_waiting", _LONGEST_WAIT)
            _value("go_along_with_voters", poll_id)
            poll = next(iter(Poll.objects.raw(_SQL["read_shared"], [poll_id])), None)
            if poll is None:
                raise NotFound("There is no such poll.")
            yield poll
    except OperationalError as error:
        raise Unavailable("The poll is busy just now; try again.") from error


def database_clock() -> datetime:
    """Now, by the clock that votes are judged by."""
    now: datetime = _value("read_clock")
    return now


def has_votes(poll: Poll) -> bool:
    """Whether the log has a row of the poll, withdrawn ones too; the poll must be held."""
    return bool(_value("has_votes", poll.pk))


def seal(poll: Poll) -> None:
    """Closes a poll for good; it must be held and not sealed yet.

    The barrier is read here, in a statement after the locking one. Raises `Unavailable` when the server is not the one whose log was kept.
    """
    with connection.cursor() as cursor:
        try:
            check_log_identity(cursor)
        except LogIdentityError as error:
            _log.error("a poll cannot be closed: %s", error)
            raise Unavailable(retry_after=30.0) from error
        cursor.execute(_SQL["seal"], (poll.pk,))
        poll.sealed_at, poll.barrier_epoch, poll.barrier_xid = cursor.fetchone()


def _value(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[query], parameters)
        return cursor.fetchone()[0]
