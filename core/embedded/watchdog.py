"""The process that outlives a killed supervisor and stops what it left: `python -m core.embedded.watchdog`.

It reads orders from standard input, one JSON object a line. End of input without `bye` means the supervisor is gone.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.embedded import proctable

_STEP = 0.05  # seconds between looks
_STRAYS_GRACE = 3.0  # seconds


@dataclass(frozen=True)
class Watched:
    """One process that leads a session: how it wants to be told to stop, and after whom."""

    pid: int
    started: int
    stop_signal: int
    grace: float
    stage: int


class Orders:
    """What the supervisor said so far."""

    def __init__(self) -> None:
        self.watched: dict[int, Watched] = {}
        self.mark = ""
        self.rubbish: set[str] = set()

    def take(self, lines: Iterable[str]) -> bool:
        """Follow orders until they end; True if the supervisor said `bye`."""
        for line in lines:
            order = json.loads(line)
            match order.pop("do"):
                case "watch":
                    self.watched[order["pid"]] = Watched(**order)
                case "forget":
                    self.watched.pop(order["pid"], None)
                case "mark":
                    self.mark = order["value"]
                case "remove":
                    self.rubbish.add(order["path"])
                case "bye":
                    return True
        return False


def stop_stage(watched: list[Watched]) -> None:
    """Ask every process to stop, wait for the longest grace, then kill what is left of their sessions."""
    for one in watched:
        if proctable.start_time(one.pid) == one.started:
            proctable.send(one.pid, one.stop_signal)
    deadline = time.monotonic() + max((one.grace for one in watched), default=0.0)
    while time.monotonic() < deadline and any(proctable.start_time(one.pid) == one.started for one in watched):
        time.sleep(_STEP)
    for one in watched:
        proctable.kill_session(one.pid, one.started)


def clean_up(orders: Orders) -> None:
    """Stop everything, stage by stage, and remove what a stopped stack does not leave."""
    for stage in sorted({one.stage for one in orders.watched.values()}):
        stop_stage([one for one in orders.watched.values() if one.stage == stage])
    if orders.mark:
        proctable.stop_marked(orders.mark, _STRAYS_GRACE)
    for path in orders.rubbish:
        if Path(path).is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            Path(path).unlink(missing_ok=True)


def main(source: IO[str] = sys.stdin) -> None:
    """Run until the supervisor says goodbye or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    orders = Orders()
    if not orders.take(source):
        clean_up(orders)


if __name__ == "__main__":
    main()
