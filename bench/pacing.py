"""When each request of an open load is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator


def schedule(rate: float, seconds: float) -> Iterator[float]:
    """The moments, in seconds from the beginning, at which `rate` requests a second are due, evenly, for so many seconds."""
    for number in range(int(rate * seconds)):
        yield number / rate


def ramp(peak: float, idle: float, seconds: float) -> Iterator[float]:
    """The moments of a burst: nothing for `idle` seconds, then at once `peak` a second."""
    for moment in schedule(peak, seconds - idle):
        yield idle + moment
