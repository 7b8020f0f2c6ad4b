"""A TCP proxy of the tests' own, between a client of ours and a real server, that loses answers and cuts connections when told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

Target = tuple[str, int] | str  # host and port, or the path of a Unix socket


class TcpProxy:
    """Listens on 127.0.0.1:`port` and forwards to `target`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost_answers = 0
        self.taken = 0
        self._mute = threading.Event()
        self._stalled: set[socket.socket] = set()
        self._lose_next = threading.Event()
        self._refusing = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_answer(self) -> None:
        """The next bytes of the server are thrown away and the connection is cut: the request was done, its answer is lost."""
        self._lose_next.set()

    def refuse(self) -> None:
        """Cuts every connection and takes no new ones, until `accept`."""
        self._refusing.set()
        self.cut_all()

    def accept(self) -> None:
        """Ends `refuse` and `mute`; connections that were mute stay so."""
        self._refusing.clear()
        self._mute.clear()

    def mute(self) -> None:
        """As `stall`, for new connections too, until `accept`."""
        self._mute.set()
        self.stall()

    def stall(self) -> None:
        """Whatever comes on the present connections from now on goes nowhere, and nobody is told: as behind a peer that has died. New ones work."""
        self._stalled.update(one for pair in self._pairs for one in pair)

    def cut_all(self) -> None:
        for pair in self._pairs:
            _close(*pair)
        self._pairs.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing.is_set():
                client.close()
                continue
            self.taken += 1
            server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
            server.connect(self._target)
            self._pairs.append((client, server))
            if self._mute.is_set():
                self._stalled.update((client, server))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source in self._stalled:
                    continue
                if answers and self._lose_next.is_set():
                    self._lose_next.clear()
                    self.lost_answers += 1
                    break
                sink.sendall(data)
        _close(source, sink)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def proxy_to(target: Target) -> Iterator[TcpProxy]:
    proxy = TcpProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
