"""One answer for many askers: computed once at a time, in a thread of its own, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares what `compute` returns among all who ask within `seconds` of it, and never runs it twice at once."""

    def __init__(self, compute: Callable[[], T], *, seconds: float, name: str) -> None:
        self._compute = compute
        self._seconds = seconds
        self._name = name
        self._lock = threading.Lock()
        self._flight: Future[T] | None = None
        self._landed_at = 0.0

    def future(self) -> Future[T]:
        """The answer in hand if it is fresh, else the one on its way. Fails as `compute` did; a failure is shared and kept like an answer."""
        with self._lock:
            flight = self._flight
            if flight is not None and (not flight.done() or time.monotonic() - self._landed_at < self._seconds):
                return flight
            flight = self._flight = Future()
        # a daemon thread: a server that does not answer must not hold up the end of the process
        try:
            threading.Thread(target=self._fly, args=(flight,), name=self._name, daemon=True).start()
        except RuntimeError as error:  # no thread to be had: everybody learns it, and the next one tries anew
            flight.set_exception(error)
        return flight

    def get(self, *, patience: float) -> T | None:
        """The answer, or None when it is not there within `patience` seconds; it is worked on further and serves who asks later."""
        try:
            return self.future().result(timeout=patience)
        except TimeoutError:
            return None

    def _fly(self, flight: Future[T]) -> None:
        try:
            answer = self._compute()
        except BaseException as error:  # noqa: BLE001  (whoever waits for the future gets it)
            self._landed_at = time.monotonic()
            flight.set_exception(error)
        else:
            self._landed_at = time.monotonic()
            flight.set_result(answer)
