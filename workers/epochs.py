"""Begins a new epoch of the vote log, after the database was restored or moved to another server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connections, transaction
from redis.exceptions import RedisError

from core.log_mark import LogMark, mark_keys, read_mark
from core.sql import queries

logger = logging.getLogger(__name__)

_SQL = queries(Path(__file__).parent, "epochs.sql")

# Each epoch's versions begin at a number of their own, so that two lives which begin from one backup never give out the same ones. Epochs are numbered
# by the minute, and a poll makes some thousand versions in that time; a browser still knows such numbers exactly.
_VERSIONS_OF_AN_EPOCH = 100_000_000

# Where they were numbered by a clock that was ahead: more than a poll can make between a backup and the loss of the server.
_LIFT = 1_000_000_000

STEPS = (
    "waiting for whoever votes, edits, cuts or counts",
    "beginning the epoch",
    "moving the barriers of polls that are not final",
    "lifting the versions of all polls",
    "committing",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStanding:
    """Where the log and the server stand: whose log it was, whether the server is the same one, what a new epoch would touch.

    `seq`: the last batch cut. `mark`: how far Redis remembers that the log was counted, None when it remembers nothing or was not asked.
    """

    epoch: int
    kept_identifier: int
    present_identifier: int
    cursor_epoch: int
    cursor_xid: int
    seq: int
    counter: int
    polls_awaiting_final: int
    polls: int
    uncut: bool
    mark: LogMark | None

    @property
    def is_continuous(self) -> bool:
        """This server can go on with the log as it is, as far as anybody can see, so no new epoch is needed."""
        same_server = self.kept_identifier == self.present_identifier
        counter_ahead = self.cursor_epoch < self.epoch or (self.cursor_epoch == self.epoch and self.cursor_xid <= self.counter)
        nothing_forgotten = self.mark is None or self.mark <= LogMark(self.epoch, self.seq)
        return same_server and counter_ahead and nothing_forgotten

    def next_epoch(self, *, minute: int) -> int:
        """One that the log was never in, neither here nor in what was lost: higher than all that anybody remembers, and than the clock's `minute` since 1970.

        The clock tells apart the lives that begin from one backup that was restored twice, when nobody remembers the first.
        """
        return max(self.epoch + 1, self.mark.epoch + 1 if self.mark else 0, minute)


def log_standing() -> LogStanding:
    """What can be found out now; a Redis that does not answer remembers nothing."""
    with connections["direct"].cursor() as cursor:
        try:
            mark = read_mark(mark_keys(cursor))
        except RedisError as error:
            logger.warning("Redis cannot be asked how far the log was counted: %s", error)
            mark = None
        cursor.execute(_SQL["see"])
        epoch, kept, present, cursor_epoch, cursor_xid, seq, counter, awaiting, polls, uncut = cursor.fetchone()
    return LogStanding(
        epoch=epoch,
        kept_identifier=kept,
        present_identifier=present,
        cursor_epoch=cursor_epoch,
        cursor_xid=int(cursor_xid),
        seq=seq,
        counter=int(counter),
        polls_awaiting_final=awaiting,
        polls=polls,
        uncut=uncut,
        mark=mark,
    )


def begin_epoch(epoch: int, *, tell: Callable[[str], None] = lambda _: None) -> int:
    """Begins this epoch, or the one after the present one where that is higher, and returns its number. `tell` hears of each of the `STEPS` beforehand.

    One transaction, which holds up every vote, edit, cut and count until it ends.

    Votes of earlier epochs that were not cut yet come first when cutting goes on; polls that were sealed and not final become final once all of
    those are counted. Readers' versions go on rising, and Redis is given everything anew under keys of the new epoch.
    """
    with transaction.atomic(using="direct", durable=True), connections["direct"].cursor() as cursor:
        cursor.execute(_SQL["be_durable"])
        tell(STEPS[0])
        cursor.execute(_SQL["close_intake"])
        tell(STEPS[1])
        cursor.execute(_SQL["begin_epoch"], {"wanted": epoch})
        epoch = cursor.fetchone()[0]
        tell(STEPS[2])
        cursor.execute(_SQL["move_poll_barriers"], {"epoch": epoch})
        cursor.execute(_SQL["move_card_barriers"], {"epoch": epoch})
        cursor.execute(_SQL["forget_drops"])
        tell(STEPS[3])
        cursor.execute(_SQL["lift_versions"], {"epoch": epoch, "versions_of_an_epoch": _VERSIONS_OF_AN_EPOCH, "lift": _LIFT})
        tell(STEPS[4])
    return epoch
