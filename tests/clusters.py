"""PostgreSQL clusters of a test's own, to be backed up, put back, and moved to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.db import connections

from core.embedded.accounts import server_account
from core.embedded.postgres_binaries import find_postgres, usable_by
from core.embedded.program import die_with_parent
from tests.stack import free_port
from tests.waiting import wait_until

ALIASES = ("default", "direct", "results")


def program(name: str) -> Path:
    """One of PostgreSQL's own programs. Skips the test where it is not there: servers from a wheel come without some."""
    found = find_postgres(None).folder / name
    if not found.exists():
        pytest.skip(f"needs {name}")
    return found


class Cluster:
    """A server on a port of the loopback interface, in a folder of its own, run by an unprivileged user where we are root."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.data = folder / "data"
        self._account = server_account()
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)
        self._binaries = usable_by(find_postgres(None), self._account, folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(str(self._binaries.folder / "initdb"), "-D", str(self.data), "-U", "nexus", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")

    def dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=nexus dbname={database}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binaries.folder / "postgres", "-D", self.data, "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}", "-c", "timezone=UTC", "-c", "shared_buffers=32MB"),
                ],
                cwd="/", stdout=log, stderr=log, preexec_fn=die_with_parent(signal.SIGQUIT), **self._as_account(),  # noqa: PLW1509  (it only asks the kernel)
            )  # fmt: skip
        wait_until(self._answers)

    def stop(self) -> None:
        """Fast: sessions are ended, everything is on disk."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def copy(self, name: str) -> Path:
        """A base backup: the whole data folder of the stopped server."""
        self._run("cp", "-a", str(self.data), str(self.folder / name))
        return self.folder / name

    def put_back(self, backup: Path) -> None:
        """The stopped server's data folder becomes what it was."""
        shutil.rmtree(self.data)
        self._run("cp", "-a", str(backup), str(self.data))

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.dsn(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def restore(self, dump: Path, database: str) -> None:
        """What `docs/operations.md` says: the role that reads results, a database, the dump."""
        self.execute("CREATE ROLE nexus_results NOLOGIN")
        self.execute(f'CREATE DATABASE "{database}"')
        done = subprocess.run(
            [program("pg_restore"), "--exit-on-error", "--no-owner", "-d", self.dsn(database), dump], check=False, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg2.OperationalError:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            return False
        return True

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120, **self._as_account())

    def _as_account(self) -> dict[str, Any]:
        return self._account.popen_arguments() if self._account else {}


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """A new cluster, started; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nexus-cluster-"))
    try:
        cluster = Cluster(folder)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def moved_to(cluster: Cluster) -> Iterator[None]:
    """Everything in this process talks to the cluster's database of the same name as the test's."""
    kept = {alias: dict(connections[alias].settings_dict) for alias in ALIASES}
    connections.close_all()
    try:
        for alias in ALIASES:
            connections[alias].settings_dict |= {"HOST": "127.0.0.1", "PORT": str(cluster.port), "USER": "nexus", "PASSWORD": ""}
        yield
    finally:
        connections.close_all()
        for alias in ALIASES:
            connections[alias].settings_dict |= kept[alias]


def dump_database(dsn: str, to: Path) -> Path:
    """`pg_dump` of it, in the format that `pg_restore` takes."""
    done = subprocess.run([program("pg_dump"), "-Fc", "-f", to, "-d", dsn], check=False, capture_output=True, text=True, timeout=120)
    if "server version mismatch" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[0])
    assert done.returncode == 0, done.stderr
    return to
