"""The tests' end of the process of voters and readers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.ledger import Request
from tests.faults.polls import PollInfo

RATE = 330.0  # requests a second that fall due
ROOT = Path(__file__).resolve().parents[2]


class Crowd:
    """Voters and readers of two polls, from the moment it is made to `close`. `fixed` takes plain votes, `changeable` changes too."""

    def __init__(self, host: str, port: int, *, fixed: PollInfo, changeable: PollInfo) -> None:
        self.requests: list[Request] = []
        self.setbacks: list[str] = []
        self.retries = 0
        self.seen: dict[str, int] = {}  # how much each kind of reader saw
        self.per_second = 0.0
        orders = {"host": host, "port": port, "polls": [asdict(fixed), asdict(changeable)], "rate": RATE}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crowd_process", json.dumps(orders)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def answered(self) -> int:
        """Requests that got the answer that promises that they count."""
        return int(self._ask("count")["answered"])

    def open_since(self, moment: float) -> int:
        """How many requests that were first sent before `moment` (by `time.monotonic`) have no answer yet."""
        return int(self._ask("open", since=moment)["open"])

    @property
    def open(self) -> int:
        return self.open_since(time.monotonic() + 1.0)

    @property
    def not_seen(self) -> int:
        """Votes that were answered and whose voters ask in vain for results with them."""
        return int(self._ask("count")["not_seen"])

    @property
    def last_failure(self) -> str:
        """What kept a request from being answered most recently."""
        return str(self._ask("count")["last_failure"])

    def stop_arrivals(self) -> None:
        """Nobody new comes; who is there goes on until answered."""
        self._ask("stop")

    def close(self) -> None:
        """Whoever is not answered by now gives up; what everybody saw is known afterwards."""
        if self._process.poll() is not None:
            return
        report = self._ask("close")
        while "requests" not in report:  # the answer to a question that was interrupted
            report = self._answer()
        self._process.wait(10)
        self.requests = [Request(**fields | {"choices": fields["choices"] and tuple(fields["choices"])}) for fields in report["requests"]]
        self.setbacks, self.seen, self.retries = report["setbacks"], report["seen"], report["retries"]
        self.per_second = len(self.requests) / report["arrivals_seconds"] if report["arrivals_seconds"] else 0.0

    def _ask(self, what: str, **more: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of voters and readers has died")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("failed"):
            raise RuntimeError(f"the process of voters and readers fails: {answer['failed']}")
        return answer
