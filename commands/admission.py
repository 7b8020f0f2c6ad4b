"""Which votes a process still takes in: those it can answer soon. The others hear so at once, instead of waiting in a queue that grows. Pure."""

from __future__ import annotations

import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable

from core.errors import Unavailable
from core.front_door import CROWDED, RETRY_SECONDS

_PACE_SECONDS = 0.5  # over how long the pace of answers is averaged
_TURN_SECONDS = 0.5  # without an answer before the pace is taken to fall: a turn of the event loop, in which none can come, may be that long
_AT_THE_DOOR = 0.75  # share of the longest wait
_CONGESTED = 0.25  # share of the longest wait that the oldest vote must have waited before the pace says anything


class Admission:
    """Counts the votes in flight in one process, and how fast they are answered. Belongs to one thread, the event loop's.

    `always` votes find room however slow PostgreSQL is: one group that is written and one that gathers keep the committer as busy as it can be.
    Beyond, a vote is refused when it would wait for longer than `wait_seconds` at the present pace, and when `most` are in flight.
    A pace is only believed while votes do wait: a crowd that comes to an idle process is let in.
    """

    def __init__(self, *, always: int, most: int, wait_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._always, self._most, self._wait_seconds, self._clock = min(always, most), most, wait_seconds, clock
        self._inside: OrderedDict[object, float] = OrderedDict()
        self._answered = 0.0
        self._answered_at = clock()

    @property
    def inside(self) -> int:
        return len(self._inside)

    def crowded(self, coming: int = 0) -> bool:
        """Whether a vote should be refused before anything of it is read; `coming` were let through already and will enter.

        Says so a little sooner than `check`, so that few who were let through are refused after all, which costs far more.
        """
        return self._is_crowded(len(self._inside) + coming, self._wait_seconds * _AT_THE_DOOR)

    def check(self) -> None:
        """Raises `Unavailable` when crowded."""
        if self._is_crowded(len(self._inside), self._wait_seconds):
            raise Unavailable(CROWDED, retry_after=random.choice(RETRY_SECONDS))  # noqa: S311  (a pause, not a secret)

    def _is_crowded(self, inside: int, wait_seconds: float) -> bool:
        if inside < self._always:
            return False
        if inside >= self._most:
            return True
        if not self._inside:
            return False
        now = self._clock()
        return now - next(iter(self._inside.values())) >= wait_seconds * _CONGESTED and inside > self._pace(now) * wait_seconds

    def enter(self, *, checked: bool = False) -> object:
        """Takes a vote in and returns what `leave` wants. Raises as `check`; `checked`: it was let in already, so that only the most there may be counts."""
        if not checked or len(self._inside) >= self._most:
            self.check()
        place = object()
        self._inside[place] = self._clock()
        return place

    def leave(self, place: object, *, answered: bool = True) -> None:
        """The vote is out again; `answered`: PostgreSQL's word came of it, so that it counts for the pace."""
        del self._inside[place]
        if answered:
            now = self._clock()
            self._answered = self._answered * math.exp((self._answered_at - now) / _PACE_SECONDS) + 1.0
            self._answered_at = now

    def _pace(self, now: float) -> float:
        """Votes answered per second of late."""
        silent = max(0.0, now - self._answered_at - _TURN_SECONDS)
        return self._answered * math.exp(-silent / _PACE_SECONDS) / _PACE_SECONDS
