"""Somebody who looks at one poll's results again and again, over one connection, and notes what they see and when."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Self

from bench.openloop import content_length
from bench.requests import read_request
from bench.targets import Poll, Target

_BALLOTS = re.compile(rb'"ballots":\s*(\d+)')


class Reader:
    """Looks every `every` seconds, in a thread of its own, while the block lasts. `seen`: moments (`time.time`) with ballots, rising."""

    def __init__(self, target: Target, poll: Poll, *, every: float = 0.005) -> None:
        place = target.place
        self.seen: list[tuple[float, int]] = []
        self._request = read_request(f"{place.host}:{place.port}", target.results_path.format(poll=poll.id))
        self._socket = socket.create_connection((place.host, place.port), timeout=10)
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(15)
        self._socket.close()

    @property
    def ballots(self) -> int:
        """What was seen last."""
        return self.seen[-1][1] if self.seen else 0

    def await_ballots(self, count: int, *, seconds: float) -> bool:
        """Whether so many ballots were seen within some seconds."""
        deadline = time.monotonic() + seconds
        while self.ballots < count and time.monotonic() < deadline and self._thread.is_alive():
            time.sleep(self._every)
        return self.ballots >= count

    def _look(self) -> None:
        while not self._stop.wait(self._every):
            self._socket.sendall(self._request)
            match = _BALLOTS.search(self._answer())
            if match is not None and int(match[1]) > self.ballots:
                self.seen.append((time.time(), int(match[1])))

    def _answer(self) -> bytes:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        while len(received) < end + 4 + content_length(received[:end]):
            received += self._more()
        return received

    def _more(self) -> bytes:
        more = self._socket.recv(65536)
        if not more:
            raise ConnectionError("the server closed the reader's connection")
        return more
