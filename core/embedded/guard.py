"""The supervisor's end of the watchdog: tells it whom to stop, and starts it again if somebody kills it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.embedded import proctable

PROJECT = Path(__file__).resolve().parent.parent.parent


class Guard:
    """Owns the watchdog process. `held` is a file descriptor it keeps open too, so that the lock lasts until it is done."""

    def __init__(self, *, mark: str, held: int) -> None:
        self._held = held
        self._orders: dict[str, dict[str, Any]] = {"mark": {"do": "mark", "value": mark}}
        self._process: subprocess.Popen[bytes] | None = None
        self._orders_end: int | None = None
        self.revive()

    def revive(self) -> bool:
        """Start the watchdog if it is not running and repeat all orders to it; whether that was needed."""
        if self._process is not None and self._process.poll() is None:
            return False
        self._hang_up()
        read_end, self._orders_end = os.pipe()
        for order in self._orders.values():  # before it lives: from its first breath it knows everything, even if we are killed now
            self._write(order)
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "core.embedded.watchdog"],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=PROJECT,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT)},
            start_new_session=True,
            pass_fds=(self._held,),
        )
        os.close(read_end)
        return True

    def watch(self, pid: int, *, stop_signal: int, grace: float, stage: int) -> None:
        """Have the session led by `pid` stopped when we vanish: `stop_signal`, `grace` seconds, SIGKILL; lower stages first."""
        started = proctable.start_time(pid)
        if started is None:
            return
        self._give(
            f"pid {pid}",
            {"do": "watch", "pid": pid, "started": started, "stop_signal": int(stop_signal), "grace": grace, "stage": stage},
        )

    def forget(self, pid: int) -> None:
        """That process has ended and nothing of its session is left."""
        if self._orders.pop(f"pid {pid}", None):
            self._write({"do": "forget", "pid": pid})

    def remove_later(self, path: Path) -> None:
        """Have a file or folder removed when we vanish."""
        self._give(f"path {path}", {"do": "remove", "path": str(path)})

    def dismiss(self) -> None:
        """Everything is stopped: let the watchdog go without doing anything."""
        self._write({"do": "bye"})
        self._hang_up()
        if self._process is not None:
            self._process.wait(timeout=10)

    def _hang_up(self) -> None:
        if self._orders_end is not None:
            os.close(self._orders_end)
            self._orders_end = None

    def _give(self, key: str, order: dict[str, Any]) -> None:
        self._orders[key] = order
        self._write(order)

    def _write(self, order: dict[str, Any]) -> None:
        if self._orders_end is None:
            return
        try:
            os.write(self._orders_end, json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            return  # the watchdog was killed; `revive` repeats every order
