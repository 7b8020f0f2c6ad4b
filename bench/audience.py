"""Runs the followers beside the harness and reads what they tell."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from bench.targets import Place
from bench.wrk import LoadFailed


class Followers:
    """A process with very many streams of one poll's results."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lines: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_open(self, clients: int, *, seconds: float = 60.0) -> None:
        """Waits until all have their first event. Raises `LoadFailed` when not all were let in."""
        while "open" not in (told := self._next(seconds)):
            pass  # a count that all have seen before all were asked
        if told["open"] != clients:
            raise LoadFailed(f"{told['open']} of {clients} streams were opened")

    def await_ballots(self, count: int, *, seconds: float = 30.0) -> Mapping[str, Any]:
        """What was told when all had seen so many ballots: `first` and `last` are when. Raises `LoadFailed` when that does not happen."""
        while True:
            told = self._next(seconds)
            if told.get("ballots", -1) >= count:
                return told

    def finish(self) -> Mapping[str, Any]:
        """Ends all streams; returns how many events came and how many streams were lost."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        while True:
            told = self._next(30.0)
            if "events" in told:
                return told

    def _next(self, seconds: float) -> Mapping[str, Any]:
        try:
            told = self._lines.get(timeout=seconds)
        except queue.Empty as error:
            raise LoadFailed(f"the followers said nothing for {seconds:g} s") from error
        if told is None:
            raise LoadFailed("the followers ended")
        return told

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(orjson.loads(line))
        self._lines.put(None)


@contextmanager
def followers(place: Place, path: str, clients: int) -> Iterator[Followers]:
    """So many streams of the results at `path`, open while the block lasts."""
    command = [sys.executable, "-m", "bench.followers", "--host", place.host, "--port", str(place.port), "--path", path, "--clients", str(clients)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Followers(process)
    finally:
        process.kill()
        process.wait()
