"""How the harness installs and runs the Node peer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
from psycopg2.extensions import parse_dsn

from bench.peers.peer import Peer
from bench.peers.tokens import ACCOUNTS, account_lines
from bench.targets import Skipped, Target, Voters
from core.sql import queries

FOLDER = Path(__file__).parent
_POLLS = queries(FOLDER.parent, "plain_polls.sql")
_VOTES = queries(FOLDER, "votes.sql")
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
_OLDEST = 20  # of Node
_INSTALL_SECONDS = 180


class Fastify(Peer):
    """It knows no voters: everything it is asked to write is written."""

    name = "fastify"
    title = "Node: fastify + pg, one INSERT"
    tallies = False
    counts_when_read = True
    refuses_repeats = False
    counts_repeats = True
    sql = _POLLS

    def __init__(self, *, processes: int | None = None, connections: int = 16, pipeline: bool = False) -> None:
        """`processes`: as many as there are cores unless given. `connections`: to PostgreSQL, of each. `pipeline`: statements do not wait for each other."""
        self._processes_wanted = processes
        self._connections = connections
        self._pipeline = pipeline

    def missing(self) -> str | None:
        node = shutil.which("node")
        if node is None:
            return "node is not installed"
        version = _said(node, "--version")
        if not version.removeprefix("v").split(".")[0].isdigit() or int(version.removeprefix("v").split(".")[0]) < _OLDEST:
            return f"Node {_OLDEST} or later is needed and this is {version}"
        if not _is_installed() and shutil.which("npm") is None:
            return "npm is not installed"
        return None

    def make_tables(self) -> None:
        _install()
        self.make_by_sql(_POLLS["make_tables"])
        self.make_by_sql(_VOTES["make_tables"])

    def start(self) -> None:
        target = parse_dsn(self.place.database_url)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
        found = {variable: str(target[name]) for name, variable in names.items() if name in target}
        found |= {"WORKERS": str(self._processes_wanted or self.place.cores), "CONNECTIONS": str(self._connections), "PIPELINE": str(int(self._pipeline))}
        self.run("web", ("node", str(FOLDER / "server.js")), NODE_ENV="production", **found)
        self.await_web()

    def accounts_made(self) -> int:
        return ACCOUNTS

    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:
        """Accounts bring a token of the usual size, which nobody looks at."""
        return account_lines(self.secret, count) if voters == "account" else super().credentials(voters, count)

    def versions(self) -> Mapping[str, str]:
        packages = orjson.loads(_INSTALLED.read_bytes())["packages"]
        return {"Node": _said("node", "--version"), **{name: packages[f"node_modules/{name}"]["version"] for name in ("fastify", "pg")}}


def _is_installed() -> bool:
    """Whether node_modules is what the lock file wants; npm leaves a copy of it there, without the entry of the project itself."""
    if not _INSTALLED.exists():
        return False
    wanted = orjson.loads((FOLDER / "package-lock.json").read_bytes())["packages"]
    return bool(orjson.loads(_INSTALLED.read_bytes())["packages"] == {name: package for name, package in wanted.items() if name})


def _install() -> None:
    """Installs what the lock file pins. Raises `Skipped`, as without a network."""
    if _is_installed():
        return
    command = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Skipped(f"npm ci took longer than {_INSTALL_SECONDS} s") from error
    if done.returncode:
        raise Skipped(f"npm ci failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'it said nothing'}"[:300])


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()


def make() -> Target:
    return Fastify()
