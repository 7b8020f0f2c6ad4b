"""How long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Backoff:
    """Waits that double from `first` to `cap` seconds, and begin anew after `healthy_after` seconds of health."""

    first: float = 0.5
    cap: float = 30.0
    healthy_after: float = 60.0
    _next: float = 0.0

    def after(self, uptime: float) -> float:
        """Return the seconds to wait after a life of `uptime` seconds."""
        if self._next == 0.0 or uptime >= self.healthy_after:
            self._next = self.first
        wait = self._next
        self._next = min(self._next * 2, self.cap)
        return wait
