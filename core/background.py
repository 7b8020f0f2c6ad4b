"""Does small jobs off the request's path, one after the other, on a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from functools import cache

from django.db import connections

_MOST_WAITING = 200
_log = logging.getLogger(__name__)


class Background:
    """A bounded queue and its thread. What has not run when the process ends is lost: only for what somebody can ask for again."""

    def __init__(self, name: str, *, most_waiting: int = _MOST_WAITING) -> None:
        self._name = name
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(most_waiting)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run_soon(self, job: Callable[[], None]) -> bool:
        """Queues the job and returns at once; False where too many wait already: then it is dropped, and logged."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # also after a fork, which takes no threads along
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            _log.warning("%s: too many jobs wait, one is dropped", self._name)
            return False
        return True

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:  # noqa: BLE001  (logged; the next job is somebody else's)
                _log.exception("%s: a job failed", self._name)
            finally:
                connections.close_all()


@cache
def background() -> Background:
    """This process's."""
    return Background("background")
