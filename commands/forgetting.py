"""Forgets who voted in a poll that is final: destroys the salt without which no voter can be matched with a row of the log. There is no way back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2
from django.db import connection

from commands.models import Poll
from commands.poll_locks import locked_poll
from core.ports import ports
from core.postgres import connect
from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

_SQL = queries(Path(__file__).parent, "polls.sql")
_LOCK_WAIT = "1s"  # votes queue up behind whoever waits for the whole table
_PAST_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


class CannotForget(Exception):
    """The poll is not one whose voters can be forgotten; the message says why, for the operator."""


class CannotRewrite(Exception):
    """The table was not written anew: somebody uses it, or still sees what it was before. Nothing has changed; it can be tried again."""


def polls_to_forget(*, closed_for: timedelta) -> Sequence[Poll]:
    """Polls that were closed at least so long ago and whose voters are still known, oldest first. Whether each is final, `check_forgettable` says."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["closed_with_salt"], (closed_for.total_seconds(),))
        wanted = [row[0] for row in cursor.fetchall()]
    return list(Poll.objects.filter(pk__in=wanted).order_by("sealed_at"))


def is_forgotten(poll: Poll) -> bool:
    return not bytes(poll.salt)


def check_forgettable(poll: Poll) -> None:
    """Raises `CannotForget` unless the poll is closed and every vote of it is counted. Final once is final for ever, so no lock is needed for this."""
    if poll.sealed_at is None:
        raise CannotForget("it has not been closed")
    if not ports.is_final(poll.pk):
        raise CannotForget("its results are not final yet; the relay and the workers must have counted every vote")


def forget_voters(poll_id: UUID) -> bool:
    """Destroys the salt; False where that was done before. One transaction under the poll's locks.

    Votes, tallies and results stay. From then on a voter who comes back has no ballot here, and no request of theirs replays.
    Raises `CannotForget`, `NotFound`, and `Unavailable` as `locked_poll` does.
    """
    with locked_poll(poll_id) as poll:
        if is_forgotten(poll):
            return False
        check_forgettable(poll)
        with connection.cursor() as cursor:
            cursor.execute(_SQL["destroy_salt"], (poll_id,))
        return True


def sweep_up() -> None:
    """Has PostgreSQL clear away the rows that held the salts, as far as nobody's transaction still sees them. Not within a transaction.

    The bytes stay in the free space of the table's pages until other rows need it, or until `rewrite`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SQL["clear_away"])


def rewrite() -> None:
    """Writes the table of polls anew, so that its file holds nothing but the present rows. Votes wait for as long as that takes.

    Raises `CannotRewrite` rather than keep voters waiting for a lock, or when a row's past must be copied too because somebody still sees it.
    """
    with closing(connect("direct", application_name="nexus-forget", settings={"lock_timeout": _LOCK_WAIT})) as link, link.cursor() as cursor:
        cursor.execute(_SQL["present_moment"])
        (moment,) = cursor.fetchone() or ("",)
        end = time.monotonic() + _PAST_SECONDS
        while _is_past_seen(cursor, moment):
            if time.monotonic() > end:
                raise CannotRewrite("a transaction, somewhere in the cluster, or a replica still sees what it was before")
            time.sleep(_PAUSE_SECONDS)
        try:
            cursor.execute(_SQL["rewrite"])
        except psycopg2.errors.LockNotAvailable as error:
            raise CannotRewrite("it is in use just now, and voters would have had to wait") from error


def _is_past_seen(cursor: Cursor, moment: str) -> bool:
    cursor.execute(_SQL["is_past_still_seen"], (moment,))
    return cursor.fetchone() != (False,)
