"""Tells people how far a run is: a line for every step on standard error, with the time and the share done."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Teller:
    """`steps`: how many there will be; a guess is enough, for more than guessed only raise it."""

    def __init__(self, steps: int, stream: TextIO = sys.stderr) -> None:
        self._steps, self._stream, self._done, self._began = max(1, steps), stream, 0, time.monotonic()

    def expect(self, steps: int) -> None:
        """So many steps are still to come."""
        self._steps = self._done + steps

    def say(self, line: str) -> None:
        """A line that is no step."""
        self._write(f"{' ' * 8} {line}")

    def step(self, line: str) -> None:
        """A step is done."""
        self._done += 1
        self._steps = max(self._steps, self._done)
        self._write(f"[{self._done:>3}/{self._steps}] {line}")

    def _write(self, line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self._stream.write(f"{minutes:>3}:{seconds:02} {line}\n")
        self._stream.flush()
