"""Hangs up on a PostgreSQL that has taken a statement and never answers, from another thread than the one that waits for it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class HangUp:
    """Keeps a descriptor of its own for the connection it was given last, so that the number cannot have become another file's when it is needed.

    Time-outs of the server and of TCP cover nearly everything; not a proxy that keeps our connection open after its own to the server has gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def attach(self, connection: Connection) -> None:
        """To be called as soon as the connection stands, by whoever uses it."""
        line = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._close()
            self._line = line

    def detach(self) -> None:
        """To be called when the connection was closed: the server sees its end only then."""
        with self._lock:
            self._close()

    def cut(self) -> bool:
        """Ends the connection under whoever waits for it, who gets a `psycopg2.Error` without a code. False when there was none. From any thread."""
        with self._lock:
            if self._line is None:
                return False
            with contextlib.suppress(OSError):  # it had ended by itself
                self._line.shutdown(socket.SHUT_RDWR)
            return True

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
