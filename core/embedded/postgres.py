"""The embedded PostgreSQL: makes its cluster, says how to start it, deals with what an earlier run left."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg2

from core.embedded import proctable
from core.embedded.accounts import Account, server_account, write_for
from core.embedded.errors import CannotStart
from core.embedded.postgres_binaries import Binaries, find_postgres, usable_by
from core.embedded.postgres_config import CONFIG_NAME, HBA, INCLUDE_LINE, config_text
from core.embedded.program import Program, die_with_parent
from core.embedded.server import Server
from core.embedded.state import State
from core.embedded.versions import version_text

USER = DATABASE = "nexus"
_NAME = "postgres"
_INITDB_SECONDS = 120
_LEFTOVER_SECONDS = 30.0


def prepare_postgres(state: State, environ: Mapping[str, str]) -> Server:
    """Make the cluster if need be and return the server to start. Blocks for a second or two the first time.

    Raises CannotStart with one line for anything that stands in the way.
    """
    account = server_account(state.existing_home(_NAME))
    home = state.home(_NAME, account)
    state.check_space(home)
    data = home / "data"
    binaries = usable_by(find_postgres(_major(data)), account, home)
    env = _environment(environ, home)
    if not (data / "PG_VERSION").exists():
        _make_cluster(binaries, data, account, env)
    stop_leftover(data)
    sockets = state.socket_folder(_NAME, home, account)
    write_for(account, data / "pg_hba.conf", HBA)
    write_for(account, data / CONFIG_NAME, config_text(socket_folder=sockets, memory=_memory(), compression=_compression(binaries, data, account, env)))
    socket_url = f"postgresql://{USER}@{quote(str(sockets), safe='')}"
    where = "" if home.is_relative_to(state.path) else f", data in {home} because user {account.name if account else ''} cannot enter {state.path}"
    return Server(
        variable="DATABASE_URL",
        url=f"{socket_url}/{DATABASE}",
        saying=f"database: PostgreSQL {version_text(binaries.version)} ({binaries.origin}), on a private socket{where}",
        program=Program(
            name=_NAME,
            argv=(str(binaries.folder / "postgres"), "-D", str(data)),
            cwd=data,
            env=env,
            account=account,
            log=state.log(_NAME),
            stop_signal=signal.SIGINT,  # fast shutdown: sessions are ended, everything is on disk
            hurry_signal=signal.SIGQUIT,  # recovers from its log at the next start
            grace=30.0,
            stage=2,
        ),
        answers=lambda: asyncio.to_thread(_ensure_database, f"{socket_url}/postgres"),
        within=60.0,
    )


def stop_leftover(data: Path) -> None:
    """Stop the server that a killed stack left on `data`, and forget a pid file that means nobody.

    The caller holds the lock of STATE_DIR, so whoever works in `data` is a left-over of ours.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if proctable.working_directory(pid) != data:
        pid_file.unlink(missing_ok=True)
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        proctable.send(pid, number)
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while time.monotonic() < deadline:
            if proctable.start_time(pid) is None:
                return
            time.sleep(0.05)
    raise CannotStart(f"a PostgreSQL of an earlier run (pid {pid}) does not stop")


def _make_cluster(binaries: Binaries, data: Path, account: Account | None, env: Mapping[str, str]) -> None:
    # Made beside its place and moved there when it is complete: a start that was killed leaves nothing half made.
    draft = data.with_name("data.draft")
    shutil.rmtree(draft, ignore_errors=True)
    # Order by bytes (fast, the same everywhere), but know the letters of every language where the system can.
    for letters in ("C.UTF-8", "C"):
        command = [
            str(binaries.folder / "initdb"), "-D", str(draft), "-U", USER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", f"--lc-ctype={letters}", "--data-checksums",
        ]  # fmt: skip
        done = _run_as(account, command, env)
        if done.returncode == 0:
            break
        if "invalid locale name" not in done.stderr:
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower() or "No space" in line]
            full = "disk full: " if "No space left" in done.stderr else ""
            raise CannotStart(f"{full}PostgreSQL cannot make its cluster in {data}: {' '.join(lines)[:300] or done.stderr[-300:]}")
    write_for(account, draft / "postgresql.conf", f"\n{INCLUDE_LINE}\n", append=True)
    draft.rename(data)


def _compression(binaries: Binaries, data: Path, account: Account | None, env: Mapping[str, str]) -> str:
    """Return the cheapest compression that these programs know: votes wait while pages are compressed."""
    command = [str(binaries.folder / "postgres"), "-D", str(data), "-c", "config_file=/dev/null", "-c", "wal_compression=lz4", "-C", "wal_compression"]
    return "lz4" if _run_as(account, command, env).returncode == 0 else "on"


def _run_as(account: Account | None, command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_INITDB_SECONDS, cwd="/", env=dict(env),
            stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM),
            **(account.popen_arguments() if account else {}),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"PostgreSQL cannot make its cluster: {error}") from error


def _ensure_database(url: str) -> None:
    try:
        connection = psycopg2.connect(url, connect_timeout=3)
    except psycopg2.OperationalError as error:
        raise ConnectionError(str(error).strip().splitlines()[-1]) from error
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


def _environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    # Without the stack's mark: whoever sweeps up by that mark must not end a database with the wrong signal.
    kept = {name: value for name, value in environ.items() if name != proctable.MARK and not name.startswith(("PG", "LD_", "PYTHON"))}
    return kept | {"HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}


def _major(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
