"""What travels between intake and log: a request to the log, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID

CAST, REPLACE, WITHDRAW = "C", "R", "W"


class LogRequest(NamedTuple):
    """One validated request. `choices` is the array literal of the chosen ids; the keys are 128-bit digests."""

    op: str
    poll_id: UUID
    voter_key: UUID
    choices: str
    rules_version: int
    receipt: UUID
    request_key: UUID
    request_digest: UUID


class Fate(Enum):
    """What became of a request, in the order in which it is judged."""

    WRITTEN = "written"
    REPLAYED = "replayed"
    KEY_REUSED = "key reused"
    NOT_OPEN = "not open"
    RULES_CHANGED = "rules changed"
    NOT_CHANGEABLE = "not changeable"
    DUPLICATE = "duplicate"
    NO_BALLOT = "no ballot"
    WRITE_AGAIN = "write again"


class Entry(NamedTuple):
    """A row of the log as its voter may know it."""

    receipt: UUID
    epoch: int
    xid: int
    id: int
    cast_at: datetime
    choices: Sequence[str] | None = None


class Outcome(NamedTuple):
    """A request's fate, and the row that answers it (WRITTEN, REPLAYED)."""

    fate: Fate
    entry: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the log and the poll said of a request in one statement."""

    keyed: Entry | None
    keyed_digest: UUID | None
    last: Entry | None
    poll_exists: bool
    rules_version: int | None
    changeable: bool
    open: bool

    @property
    def holds_ballot(self) -> bool:
        return self.last is not None and self.last.choices is not None


def judge(request: LogRequest, found: Finding) -> Outcome:
    """Why a request was not written. `WRITE_AGAIN`: nothing speaks against it any more."""
    if found.keyed is not None:
        if found.keyed.receipt == request.receipt:
            return Outcome(Fate.WRITTEN, found.keyed)
        return Outcome(Fate.REPLAYED, found.keyed) if found.keyed_digest == request.request_digest else Outcome(Fate.KEY_REUSED)
    if not found.open:
        return Outcome(Fate.NOT_OPEN)
    if found.rules_version != request.rules_version:
        return Outcome(Fate.RULES_CHANGED)
    if request.op == CAST:
        return Outcome(Fate.DUPLICATE if found.holds_ballot else Fate.WRITE_AGAIN)
    if not found.changeable:
        return Outcome(Fate.NOT_CHANGEABLE)
    return Outcome(Fate.WRITE_AGAIN if found.holds_ballot else Fate.NO_BALLOT)
