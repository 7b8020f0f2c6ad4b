"""Where the web process spends the CPU of one vote: its parts in a process of their own, and what is left of what `/proc` counts."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.nexus.target import Nexus
from bench.report.charts import ANATOMY
from bench.requests import vote_request
from bench.targets import Skipped
from bench.workbench import Workbench

_REST = "system calls, event loop, committer's thread"


def anatomy(bench: Workbench, nexus: Nexus, *, connections: int) -> None:
    """Notes µs by part for a session voter, as seen under that many connections. Raises `Skipped` when the program fails."""
    poll = nexus.open_polls(1, voters="session", choices=2)[0]
    data = vote_request(f"{nexus.place.host}:{nexus.place.port}", nexus.votes_path, next(nexus.credentials("session", 1)), poll, 0)
    command = (sys.executable, "-m", "bench.nexus.anatomy")
    told = subprocess.run(command, cwd=nexus.place.project, env=nexus.environment, input=data, capture_output=True, check=False)
    if told.returncode:
        raise Skipped(f"a vote could not be taken apart: {told.stderr.decode(errors='replace').strip()[-300:]}")
    parts: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    web = bench.book.cpu_spread(f"nexus/session/{connections}", "web")
    if web is not None:
        parts[_REST] = max(0.0, web.median - sum(parts.values()))
    bench.book.facts[ANATOMY] = {name: [value, "µs"] for name, value in parts.items()}
    bench.teller.step("a vote taken apart")
