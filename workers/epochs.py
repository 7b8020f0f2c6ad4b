"""Begins a new epoch of the vote log, after the database was restored or moved to another server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import connections, transaction

from core.sql import queries

_SQL = queries(Path(__file__).parent, "epochs.sql")

# More versions than a poll can make between a backup and the loss of the server: 50 a second for half a year.
_LIFT = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStanding:
    """Where the log and the server stand: whose log it was, whether the server is the same one, what a new epoch would touch."""

    epoch: int
    kept_identifier: int
    present_identifier: int
    cursor_epoch: int
    cursor_xid: int
    counter: int
    polls_awaiting_final: int
    polls: int

    @property
    def is_continuous(self) -> bool:
        """This server can go on with the log as it is, so no new epoch is needed."""
        return self.kept_identifier == self.present_identifier and (self.cursor_epoch < self.epoch or self.cursor_xid <= self.counter)


def log_standing() -> LogStanding:
    with connections["direct"].cursor() as cursor:
        cursor.execute(_SQL["see"])
        epoch, kept, present, cursor_epoch, cursor_xid, counter, awaiting, polls = cursor.fetchone()
    return LogStanding(
        epoch=epoch,
        kept_identifier=kept,
        present_identifier=present,
        cursor_epoch=cursor_epoch,
        cursor_xid=int(cursor_xid),
        counter=int(counter),
        polls_awaiting_final=awaiting,
        polls=polls,
    )


def begin_epoch() -> int:
    """Begins the next epoch and returns its number. One transaction, which holds up every vote, edit, cut and count until it ends.

    Votes of earlier epochs that were not cut yet come first when cutting goes on; polls that were sealed and not final become final once all of
    those are counted. Readers' versions go on rising, and Redis is given everything anew under keys of the new epoch.
    """
    with transaction.atomic(using="direct", durable=True), connections["direct"].cursor() as cursor:
        cursor.execute(_SQL["close_intake"])
        cursor.execute(_SQL["begin_epoch"])
        epoch: int = cursor.fetchone()[0]
        cursor.execute(_SQL["move_poll_barriers"], {"epoch": epoch})
        cursor.execute(_SQL["move_card_barriers"], {"epoch": epoch})
        cursor.execute(_SQL["lift_versions"], {"lift": _LIFT})
    return epoch
