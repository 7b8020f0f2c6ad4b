"""Reads ranked ballots and the official count, and finds each ballot's first preference. Pure but for opening the two files."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MINNEAPOLIS = Path(__file__).parent / "data" / "minneapolis-2013-mayor"
WRITE_IN = "UWI"
WRITE_INS = "Undeclared Write-ins"
_NO_CANDIDATES = frozenset({"Exhausted", "TOTAL"})


@dataclass(frozen=True, slots=True)
class RankedBallots:
    """`count` ballots that were ranked alike, best first, in the city's spelling."""

    count: int
    ranks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfficialCount:
    """First preferences as the city counted them: by candidate in the city's order, and their total."""

    votes: dict[str, int]
    total: int

    @property
    def candidates(self) -> list[str]:
        return list(self.votes)


def read_ballots(path: Path = MINNEAPOLIS / "ballots.csv") -> list[RankedBallots]:
    """Rows of `count,rank1,rank2,…`. Raises `ValueError` for a count that is no positive number."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        ballots = [RankedBallots(int(count), tuple(ranks)) for count, *ranks in rows]
    if any(ballot.count < 1 for ballot in ballots):
        raise ValueError(f"{path.name}: every count must be positive")
    return ballots


def read_official(path: Path = MINNEAPOLIS / "official.csv") -> OfficialCount:
    """Rows of `candidate,round1_first_preferences,…`; the row `TOTAL` gives the total. Raises `KeyError` without one."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = {row["candidate"]: int(row["round1_first_preferences"]) for row in csv.DictReader(stream)}
    return OfficialCount({name: votes for name, votes in rows.items() if name not in _NO_CANDIDATES}, rows["TOTAL"])


def first_preference(ranks: Iterable[str], candidates: dict[str, str]) -> str | None:
    """The first rank that is a candidate or a write-in, in the spelling of `candidates` (`casefold`ed name → name); None if there is none."""
    for rank in ranks:
        name = candidates.get((WRITE_INS if rank == WRITE_IN else rank).casefold())
        if name is not None:
            return name
    return None


def first_preferences(ballots: Iterable[RankedBallots], names: Sequence[str]) -> list[str]:
    """One candidate's name per ballot that has a first preference, in the order of `ballots`; ballots without one are left out."""
    candidates = {name.casefold(): name for name in names}
    found: list[str] = []
    for ballot in ballots:
        name = first_preference(ballot.ranks, candidates)
        if name is not None:
            found.extend([name] * ballot.count)
    return found


def shuffled(votes: Sequence[str], *, seed: int) -> list[str]:
    """The same votes in an order that looks like an election's and is the same at every run with this seed."""
    mixed = list(votes)
    random.Random(seed).shuffle(mixed)  # noqa: S311  (an order, not a secret)
    return mixed
