"""When the standing ballots were cast: minute tallies as they stand, made into buckets that a reader can trust. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from core.times import rfc3339

Minute = tuple[int, int]
"""A minute (its first second since 1970, UTC) and its ballots, which may be below zero for a moment."""

BUCKETS = {"minute": 60, "hour": 3600, "day": 86_400}
"""Seconds in each; days are those of UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What one select found: minutes in order, with the version that they belong to."""

    poll_id: UUID
    epoch: int
    version: int
    as_of: datetime
    minutes: tuple[Minute, ...]

    @property
    def order(self) -> tuple[int, int]:
        return (self.epoch, self.version)

    def body(self, bucket: str) -> bytes:
        """The answer of `GET …/results/timeline` as UTF-8 JSON; `bucket` is a key of `BUCKETS`."""
        return orjson.dumps(self.answer(bucket))

    def answer(self, bucket: str) -> dict[str, Any]:
        counted = buckets(self.minutes, seconds=BUCKETS[bucket])
        return {
            "bucket": bucket,
            "poll": str(self.poll_id),
            "version": self.version,
            "as_of": rfc3339(self.as_of),
            "ballots": sum(n for _, n in counted),
            "buckets": [{"start": _start(second), "ballots": n} for second, n in counted],
        }


def buckets(minutes: Iterable[Minute], *, seconds: int) -> list[Minute]:
    """Ballots by bucket of so many `seconds`, in order and without empty ones: none below zero, together `max(0, sum of the minutes)`.

    Coarser buckets are sums of finer ones, whatever the minutes.
    """
    counted: dict[int, int] = {}
    for second, n in settled(sorted(minutes)):
        start = second - second % seconds
        counted[start] = counted.get(start, 0) + n
    return list(counted.items())


def settled(minutes: Sequence[Minute]) -> list[Minute]:
    """Minutes in order, with those below zero made good and empty ones left out.

    A change or withdrawal takes its ballot out of the minute in which that was cast, and batches are applied out of order: so a minute may be below
    zero until the ballot itself arrives. Until then what is missing there is taken from the newest minutes, which are the ones still filling. Without
    such a minute nothing is changed.
    """
    missing = -sum(n for _, n in minutes if n < 0)
    kept: list[Minute] = []
    for second, n in reversed(minutes):
        taken = min(missing, max(n, 0))
        missing -= taken
        if n > taken:
            kept.append((second, n - taken))
    kept.reverse()
    return kept


def _start(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
