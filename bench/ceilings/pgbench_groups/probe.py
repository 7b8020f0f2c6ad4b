"""Runs pgbench on Nexus's own table of votes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.nexus.environment import nexus_environment
from bench.targets import Place, Skipped
from core.embedded.errors import CannotStart
from core.embedded.postgres_binaries import find_postgres

_SCRIPT = Path(__file__).parent / "insert.sql"
_TRANSACTIONS = re.compile(r"number of transactions actually processed: (\d+)")
_RATE = re.compile(r"tps = ([0-9.]+)")
SINGLE_CLIENTS = 32  # rows one by one: as many clients as requests under way, whose commits PostgreSQL may join


def missing() -> str | None:
    """Why this machine cannot run it, in one line, or None."""
    return None if _pgbench() else "pgbench is not installed"


def measure(place: Place, *, seconds: float, group: int) -> dict[str, float]:
    """Writes votes for so long, `group` rows a transaction, each durable: rows and commits a second, and how many rows there are then.

    Rows in groups come from as many clients as Nexus has committers, one per web process. After `prepare`. Raises `Skipped`.
    """
    program = _pgbench()
    if program is None:
        raise Skipped("pgbench is not installed")
    clients = SINGLE_CLIENTS if group == 1 else place.web_processes
    command = (
        program, "--no-vacuum", "--protocol=prepared", f"--file={_SCRIPT}", f"--define=rows={group}", f"--client={clients}",
        f"--jobs={min(clients, place.cores)}", f"--time={max(1, round(seconds))}", place.database_url,
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    transactions, rate = _TRANSACTIONS.search(done.stdout), _RATE.search(done.stdout)
    if done.returncode or transactions is None or rate is None:
        raise Skipped(f"pgbench failed: {done.stderr.strip()[-300:]}")
    return {"rows_per_second": float(rate[1]) * group, "commits_per_second": float(rate[1]), "rows": float(transactions[1]) * group}


def prepare(place: Place) -> None:
    """Makes Nexus's own tables, so that the rows have its partitions, indexes and constraints. Raises `Skipped`."""
    environment = nexus_environment(place)
    migrate = (sys.executable, "manage.py", "migrate", "--noinput")
    done = subprocess.run(migrate, cwd=place.project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"the migrations failed: {done.stderr.strip()[-300:]}")


def _pgbench() -> str | None:
    """The program on the PATH, else beside the server's programs, where Debian has it."""
    found = shutil.which("pgbench")
    if found is None:
        try:
            found = shutil.which("pgbench", path=str(find_postgres(None).folder))
        except CannotStart:
            return None
    return found
