"""A poll's timeline as a small drawing: which bucket suits, and where its bars stand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HEIGHT = 40
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_LONGEST = (("minute", timedelta(hours=3)), ("hour", timedelta(days=10)))
_FEWEST = 12  # places, so that a single bar is not a wall


@dataclass(frozen=True, slots=True)
class Bar:
    """In the drawing's own units; `x` counts places."""

    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """`width` places of one bucket each, `HEIGHT` high; `most` ballots came in the bucket that begins at `peak`."""

    bucket: str
    width: int
    bars: tuple[Bar, ...]
    most: int
    peak: datetime


def bucket_for(begun: datetime, ended: datetime) -> str:
    """The finest bucket that does not make the drawing too fine to see."""
    return next((bucket for bucket, longest in _LONGEST if ended - begun <= longest), "day")


def draw(timeline: Mapping[str, Any]) -> Drawing | None:
    """The drawing of a timeline's JSON; None when there is nothing to draw."""
    bucket = timeline["bucket"]
    counted = [(datetime.fromisoformat(one["start"]), one["ballots"]) for one in timeline["buckets"]]
    if not counted:
        return None
    first, step = counted[0][0], _STEPS[bucket]
    peak, most = max(counted, key=lambda one: one[1])
    bars = tuple(_bar((start - first) // step, ballots / most) for start, ballots in counted)
    return Drawing(bucket=bucket, width=max(bars[-1].x + 1, _FEWEST), bars=bars, most=most, peak=peak)


def _bar(x: int, part: float) -> Bar:
    height = round(max(1.0, part * HEIGHT), 2)
    return Bar(x, round(HEIGHT - height, 2), height)
