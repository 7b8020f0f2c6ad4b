"""The terminal: every line with the name of the process it comes from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93)
_OWN = "nexus"


class Console:
    """Writes whole lines. A terminal that is gone is reported once to `on_gone` and not written to again."""

    def __init__(self, stream: TextIO = sys.stdout, environ: Mapping[str, str] = os.environ, width: int = 8) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._colours: dict[str, int] | None = {} if self._is_terminal and "NO_COLOR" not in environ else None
        self._width = width
        self._gone = False
        self.on_gone: Callable[[], object] | None = None

    def say(self, line: str) -> None:
        """Write a line of our own."""
        self.write(_OWN, line)

    def sink(self, name: str) -> Callable[[str], None]:
        """Return what writes the lines of process `name`."""
        return lambda line: self.write(name, line)

    def write(self, name: str, line: str) -> None:
        """Write one line of process `name`."""
        if self._gone:
            return
        try:
            self._stream.write(f"{prefix(name, self._width, self._colour(name))} {line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._lose()

    def look(self) -> None:
        """Find out whether the terminal is still there: of a hang-up only the session's leader is told, and that may be make."""
        if self._is_terminal and not self._gone and not self._stream.isatty():
            self._lose()

    def _lose(self) -> None:
        self._gone = True
        if self.on_gone is not None:
            self.on_gone()

    def _colour(self, name: str) -> int | None:
        if self._colours is None:
            return None
        return self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])


def prefix(name: str, width: int, colour: int | None) -> str:
    """Return the beginning of a line of process `name`."""
    text = f"{name:<{width}} |"
    return text if colour is None else f"\033[{colour}m{text}\033[0m"
