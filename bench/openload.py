"""Runs the open-loop generator beside the harness and reads what it saw."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.wrk import LoadFailed

_OVERTIME = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoad:
    """What an open load saw; latencies in seconds from the moment each request was due. `by_second`: (second, requests, p50, p99, slowest)."""

    seconds: float
    answered: int
    accepted: int
    p50: float
    p99: float
    p999: float
    slowest: float
    most_waiting: int
    statuses: Mapping[str, int]
    by_second: list[list[float]] = field(default_factory=list)


class RunningLoad:
    """A generator under way."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process, self._seconds = process, seconds

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> OpenLoad:
        """Waits for the end. Raises `LoadFailed` when the generator did not do what it should."""
        try:
            output, errors = self._process.communicate(timeout=self._seconds + _OVERTIME)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            raise LoadFailed("the open-loop generator did not end in time") from error
        if self._process.returncode:
            raise LoadFailed(f"the open-loop generator failed: {errors.decode(errors='replace').strip()[-300:]}")
        return read_report(orjson.loads(output))


def start_open_load(
    host: str, port: int, requests: Path, *, rate: float, seconds: float, connections: int = 256, idle: float = 0.0, again: bool = False
) -> RunningLoad:
    """Starts `rate` requests a second for so many seconds; with `idle`, nothing for so long and then all at once."""
    command = [sys.executable, "-m", "bench.openloop", "--host", host, "--port", str(port), "--requests", str(requests), "--rate", f"{rate:.3f}"]
    command += ["--seconds", f"{seconds:.3f}", "--connections", str(connections), "--idle", f"{idle:.3f}", *(["--again"] if again else [])]
    return RunningLoad(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE), seconds)


def read_report(told: Mapping[str, Any]) -> OpenLoad:
    """What the generator printed. Raises `LoadFailed` when connections broke or requests were never answered."""
    if told["broken"] or told["answered"] < told["due"]:
        raise LoadFailed(f"{told['broken']} connections broke, {told['due'] - told['answered']} of {told['due']} requests were not answered")
    accepted = sum(count for status, count in told["statuses"].items() if status < "400")
    names = ("seconds", "answered", "p50", "p99", "p999", "slowest", "most_waiting", "statuses", "by_second")
    return OpenLoad(accepted=accepted, **{name: told[name] for name in names})
