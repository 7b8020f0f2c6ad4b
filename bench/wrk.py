"""Runs wrk: a closed loop, every connection sends its next request when it has the answer to the last."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.requests import SEPARATOR
from bench.targets import Skipped

_SCRIPT = Path(__file__).with_name("wrk.lua")
_OVERTIME = 30.0  # seconds


class LoadFailed(Exception):
    """A load did not do what it should: connections broke, or nothing came of it at all."""


class RanOut(LoadFailed):
    """The requests made ahead did not last; more are needed for this rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a closed loop saw. `answered` counts every answer, `refused` those of 400 and above; latencies in seconds."""

    seconds: float
    answered: int
    refused: int
    bytes: int
    p50: float
    p90: float
    p99: float
    slowest: float

    @property
    def accepted(self) -> int:
        return self.answered - self.refused

    @property
    def accepted_per_second(self) -> float:
        return self.accepted / self.seconds


def require_wrk() -> None:
    """Raises `Skipped` where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise Skipped("wrk is not installed (Debian and Ubuntu: apt-get install wrk)")


def write_requests(stem: Path, requests: Iterable[bytes], *, threads: int = 1) -> int:
    """Writes the requests for `threads` threads of wrk, in turn; returns how many there were."""
    files = [stem.with_name(f"{stem.name}.{number}").open("wb") for number in range(threads)]
    count = 0
    try:
        for request in requests:
            files[count % threads].write(request + SEPARATOR)
            count += 1
    finally:
        for file in files:
            file.close()
    return count


def run_wrk(url: str, stem: Path, *, connections: int, seconds: float, threads: int = 1, again: bool = False) -> Load:
    """Loads `url` with the requests written to `stem`. `again`: begin anew when they are used up, else that is a failure. Blocks.

    Raises `Skipped` without wrk, `LoadFailed` when connections broke or requests ran out.
    """
    require_wrk()
    command = ["wrk", "--threads", str(threads), "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["--script", str(_SCRIPT), url, "--", str(stem), "again" if again else "once"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + _OVERTIME)
    except subprocess.TimeoutExpired as error:
        raise LoadFailed("wrk did not end in time") from error
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return read_result(line.removeprefix("RESULT "))
    raise LoadFailed(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")


def read_result(text: str) -> Load:
    """What the script printed. Raises `LoadFailed` as `run_wrk` does."""
    told = json.loads(text)
    if told["broken"] or told["timeouts"]:
        raise LoadFailed(f"{told['broken']} connections broke and {told['timeouts']} requests were not answered in time")
    if told["used_up"]:
        raise RanOut((RanOut.__doc__ or "").strip())
    return Load(
        seconds=told["microseconds"] / 1e6,
        answered=told["requests"],
        refused=told["refused"],
        bytes=told["bytes"],
        p50=told["p50"] / 1e6,
        p90=told["p90"] / 1e6,
        p99=told["p99"] / 1e6,
        slowest=told["max"] / 1e6,
    )


def wrk_version() -> str:
    """The version that wrk tells, or empty."""
    if shutil.which("wrk") is None:
        return ""
    words = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True, timeout=10).stdout.split()
    return words[1] if len(words) > 1 else ""
