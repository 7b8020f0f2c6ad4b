"""What a poll's tallies come to, as one mapping that can be added up and compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from projections.tallying import Deltas

BALLOTS, QUESTION, CHOICE, MINUTE = "ballots", "question", "choice", "minute"

Key = tuple[str, str]  # (what is counted, id of the question or choice or the minute in seconds since 1970; nothing for ballots)
Sums = dict[Key, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One number that is not what it should be."""

    what: str
    key: str
    counted: int
    expected: int

    def answer(self) -> dict[str, object]:
        """As JSON."""
        return {"what": self.what, "key": self.key, "counted": self.counted, "expected": self.expected}

    def __str__(self) -> str:
        return f"{self.what}{f' {self.key}' if self.key else ''}: {self.counted} counted, {self.expected} expected"


def add_deltas(sums: Sums, deltas: Deltas) -> None:
    """Adds what a payload of this one poll changes."""
    for _, n in deltas.by_poll:
        _add(sums, (BALLOTS, ""), n)
    for _, question, n in deltas.by_question:
        _add(sums, (QUESTION, question), n)
    for _, choice, n in deltas.by_choice:
        _add(sums, (CHOICE, choice), n)
    for _, minute, n in deltas.by_minute:
        _add(sums, (MINUTE, str(minute)), n)


def tallied(ballots: int, questions: Mapping[str, int], choices: Mapping[str, int], minutes: Mapping[str, int]) -> Sums:
    """The sums that a generation's rows are."""
    sums: Sums = {(BALLOTS, ""): ballots}
    for what, rows in ((QUESTION, questions), (CHOICE, choices), (MINUTE, minutes)):
        sums.update(((what, key), n) for key, n in rows.items())
    return sums


def differences(counted: Sums, expected: Sums) -> list[Difference]:
    """Where the two are not equal, in order; what one of them lacks is zero there."""
    keys: Iterable[Key] = sorted(counted.keys() | expected.keys())
    return [
        Difference(what=key[0], key=key[1], counted=counted.get(key, 0), expected=expected.get(key, 0))
        for key in keys
        if counted.get(key, 0) != expected.get(key, 0)
    ]


def _add(sums: Sums, key: Key, n: int) -> None:
    sums[key] = sums.get(key, 0) + n
