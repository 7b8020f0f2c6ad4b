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

    def __init__(self, compute: Callable[[], T], *, seconds: float, name: str, renew_after: float | None = None) -> None:
        """`renew_after`: an answer of that age is computed anew while it is still given out, so that of many who keep asking nobody waits."""
        self._compute = compute
        self._seconds = seconds
        self._renew_after = seconds if renew_after is None else renew_after
        self._name = name
        self._lock = threading.Lock()
        self._landed: Future[T] | None = None
        self._landed_at = 0.0
        self._flight: Future[T] | None = None

    def future(self) -> Future[T]:
        """The answer in hand if it is fresh, else the one on its way. Fails as `compute` did; a failure is shared and kept like an answer."""
        with self._lock:
            age = time.monotonic() - self._landed_at
            in_hand = self._landed if age < self._seconds else None
            if in_hand is not None and (age < self._renew_after or self._flight is not None):
                return in_hand
            if self._flight is not None:
                return self._flight
            flight = self._flight = Future()
        # a daemon thread: a server that does not answer must not hold up the end of the process
        try:
            threading.Thread(target=self._fly, args=(flight,), name=self._name, daemon=True).start()
        except RuntimeError as error:  # no thread to be had: everybody learns it, and the next one tries anew
            with self._lock:
                self._flight = None
            flight.set_exception(error)
        return in_hand or flight

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
            self._land(flight)
            flight.set_exception(error)
        else:
            self._land(flight)
            flight.set_result(answer)

    def _land(self, flight: Future[T]) -> None:
        """Before its answer is there, lest somebody who has just been given it starts another."""
        with self._lock:
            self._landed, self._landed_at, self._flight = flight, time.monotonic(), None
