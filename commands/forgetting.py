"""Forgets who voted in a poll that is final: destroys the salt without which no voter can be matched with a row of the log. There is no way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import connection

from commands.models import Poll
from commands.poll_locks import locked_poll
from core.ports import ports
from core.sql import queries

_SQL = queries(Path(__file__).parent, "polls.sql")


class CannotForget(Exception):
    """The poll is not one whose voters can be forgotten; the message says why, for the operator."""


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
    """Has PostgreSQL clear away the rows that held the salts, as far as nobody's transaction still sees them. Not within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["clear_away"])
