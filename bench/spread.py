"""Medians with their spread, and ratios of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave: the median, the smallest, the largest, and how many there were."""

    median: float
    smallest: float
    largest: float
    rounds: int

    def as_dict(self) -> dict[str, float]:
        return {"median": self.median, "min": self.smallest, "max": self.largest, "rounds": self.rounds}


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of the values; None of none."""
    kept = sorted(values)
    return Spread(median(kept), kept[0], kept[-1], len(kept)) if kept else None


def ratio(above: Mapping[int, float], below: Mapping[int, float]) -> Spread | None:
    """How many times `below` goes into `above`, by the number of the round: what shared a round shared its disturbances too.

    A round that one side lacks has no ratio.
    """
    return spread(value / below[number] for number, value in above.items() if below.get(number, 0.0) > 0)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
