"""Decides when a server that failed is worth another try, so that its failing costs one time-out and not one per request."""

from __future__ import annotations

import time
from collections.abc import Callable


class Circuit:
    """Closed: go ahead. After a failure open for a pause that doubles up to a bound; then exactly one caller may try again.

    One instance may be shared among threads: in a race one more caller may try, never a crowd.
    """

    def __init__(self, *, first_pause: float = 0.5, longest_pause: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._first, self._longest, self._clock = first_pause, longest_pause, clock
        self._pause = 0.0
        self._until = 0.0

    @property
    def closed(self) -> bool:
        """Nothing has failed since the last success."""
        return self._pause == 0.0

    def may_try(self) -> bool:
        """Whether to ask the server now. While open, True once per pause: whoever gets it reports back."""
        if self._pause == 0.0:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._pause
        return True

    def succeeded(self) -> bool:
        """Notes a success; true when it is the first after a failure."""
        first = self._pause != 0.0
        self._pause = 0.0
        return first

    def failed(self) -> bool:
        """Notes a failure; true when it is the first after a success."""
        first = self._pause == 0.0
        self._pause = min(self._longest, self._pause * 2 or self._first)
        self._until = self._clock() + self._pause
        return first
