"""Which moment of the clock a position in the log stands for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_MOST = 128


@dataclass(frozen=True, slots=True)
class Reading:
    """Every vote committed before `clock` lies before `(epoch, counter)`; both are of one statement."""

    clock: datetime
    epoch: int
    counter: int


class Clocks:
    """Readings of late, oldest first. A cut's own time would lie: votes may commit before it and be cut after it."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._readings)

    def note(self, reading: Reading) -> None:
        """Keeps the reading. Of equal positions only the newest clock is worth keeping; of too many every second one goes."""
        if self._readings and (reading.epoch, reading.counter) == (self._readings[-1].epoch, self._readings[-1].counter):
            self._readings[-1] = reading
            return
        self._readings.append(reading)
        if len(self._readings) > _MOST:
            del self._readings[1:-1:2]

    def forget_before(self, epoch: int, drained: int) -> None:
        """Everything below `(epoch, drained)` is cut: of the readings up to there only the newest still matters."""
        reached = [index for index, reading in enumerate(self._readings) if (reading.epoch, reading.counter) <= (epoch, drained)]
        if reached:
            self._readings = self._readings[reached[-1] :]
