"""Small TCP proxies between our processes and their servers, which delay, hold, swallow and cut what passes when they are told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Target = tuple[str, int] | str  # host and port, or the path of a Unix socket
_CHUNK = 65_536


@dataclass
class Way:
    """What happens to bytes in one direction. `passed` and `swallowed` count them since the wire was last healed."""

    delay: float = 0.0  # seconds before a chunk goes on
    rate: int | None = None  # bytes a second
    swallowing: bool = False  # thrown away, while the connection seems fine to both
    cut_at: bytes | None = None  # the first chunk with these bytes goes half-way, then the connection is cut
    cuts: int = 0
    passed: int = 0
    swallowed: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()


class Wire:
    """One proxy on 127.0.0.1:`port`. Its methods may be called from any thread; they have taken effect when they return.

    `requests` is the way from our process to the server, `answers` the way back.
    """

    def __init__(self, name: str, target: Callable[[], Target], loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.requests, self.answers = Way(), Way()
        self._target = target
        self._loop = loop
        self._links: dict[int, list[asyncio.StreamWriter]] = {}
        self._spoilt: set[int] = set()  # connections from which bytes are missing
        self._refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._call(self._listen())

    # -- what tests do to it

    def cut(self) -> int:
        """Cuts every connection; new ones go through. How many there were."""
        return self._call(self._cut())

    def refuse(self) -> None:
        """Cuts every connection and lets no new one through."""
        self._refusing = True
        self.cut()

    def delay(self, seconds: float) -> None:
        """Every chunk takes this much longer, each way."""
        self.requests.delay = self.answers.delay = seconds

    def trickle(self, bytes_a_second: int) -> None:
        """Both ways, no faster than this."""
        self.requests.rate = self.answers.rate = bytes_a_second

    def hold(self, *, requests: bool = True, answers: bool = True) -> None:
        """Nothing goes on until the wire is healed; then it does, as if the network had been slow."""
        self._call(self._gate(requests=requests, answers=answers))

    def swallow(self, *, requests: bool = True, answers: bool = True) -> None:
        """Half-open: what is sent is lost and nobody is told. Healing cuts the connections from which bytes are missing."""
        self.requests.swallowing, self.answers.swallowing = requests, answers

    def cut_half_way(self, marker: bytes) -> None:
        """The next request with these bytes in it goes half-way, then its connection is cut. Once; `requests.cuts` says whether it happened."""
        self.requests.cut_at = marker

    def heal(self) -> None:
        """As it was made; the counts begin anew."""
        self._refusing = False
        self._call(self._heal())

    @property
    def connections(self) -> int:
        return len(self._links)

    def close(self) -> None:
        self._refusing = True
        self._listener.close()
        self.cut()

    # -- in the loop

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, sock=self._listener)

    async def _cut(self) -> int:
        links = list(self._links.values())
        for link in links:
            _abort(link)
        self._links.clear()
        return len(links)

    async def _gate(self, *, requests: bool, answers: bool) -> None:
        for way, shut in ((self.requests, requests), (self.answers, answers)):
            if shut:
                way.open.clear()
            else:
                way.open.set()

    async def _heal(self) -> None:
        for link in [self._links.pop(spoilt) for spoilt in self._spoilt & self._links.keys()]:
            _abort(link)
        self._spoilt.clear()
        for way in (self.requests, self.answers):
            way.delay, way.rate, way.swallowing, way.cut_at, way.cuts, way.passed, way.swallowed = 0.0, None, False, None, 0, 0, 0
            way.open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = [writer]
        if self._refusing:
            _abort(link)
            return
        try:
            target = self._target()
            theirs, ours = await (asyncio.open_unix_connection(target) if isinstance(target, str) else asyncio.open_connection(*target))
        except (OSError, LookupError):
            _abort(link)
            return
        link.append(ours)
        if self._refusing:
            _abort(link)
            return
        self._links[id(link)] = link
        pumps = [
            asyncio.create_task(self._pump(reader, ours, self.requests, id(link))),
            asyncio.create_task(self._pump(theirs, writer, self.answers, id(link))),
        ]
        _, waiting = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)  # a half-closed connection is of no use to anybody here
        for pump in waiting:
            pump.cancel()
        self._links.pop(id(link), None)
        self._spoilt.discard(id(link))
        _abort(link)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way, link: int) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if way.cut_at is not None and way.cut_at in data:
                    way.cut_at, way.cuts = None, way.cuts + 1
                    sink.write(data[: len(data) // 2])
                    await sink.drain()
                    await asyncio.sleep(0.05)  # on its way before the reset overtakes it
                    return
                if way.delay:
                    await asyncio.sleep(way.delay)
                if way.rate:
                    await asyncio.sleep(len(data) / way.rate)
                await way.open.wait()
                if way.swallowing:
                    way.swallowed += len(data)
                    self._spoilt.add(link)
                    continue
                way.passed += len(data)
                sink.write(data)
                await sink.drain()


class Network:
    """A thread that runs any number of wires."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._wires: list[Wire] = []
        threading.Thread(target=self._loop.run_forever, name="wires", daemon=True).start()

    def wire(self, name: str, target: Callable[[], Target]) -> Wire:
        """A new wire. `target` is asked for every connection; LookupError or OSError: refused."""
        self._wires.append(Wire(name, target, self._loop))
        return self._wires[-1]

    def heal(self) -> None:
        for wire in self._wires:
            wire.heal()

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
        self._loop.call_soon_threadsafe(self._loop.stop)


def _abort(link: list[asyncio.StreamWriter]) -> None:
    for writer in link:
        transport: Any = writer.transport
        transport.abort()
