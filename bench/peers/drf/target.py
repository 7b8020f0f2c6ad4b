"""How the harness runs the Django peer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bench.peers.peer import Peer
from bench.peers.tokens import ACCOUNTS, account_lines, voter_token
from bench.targets import Skipped, Target, Voters
from core.sql import queries

FOLDER = Path(__file__).parent
_SETTINGS = "bench.peers.drf.settings"


class Drf(Peer):
    """Voters are accounts by their JWT, or anonymous by a token with an HMAC; one vote each by constraint."""

    name = "drf"
    title = "Django + DRF + JWT"
    sql = queries(FOLDER, "peer.sql")

    def __init__(self, *, threads: int = 4) -> None:
        """`threads`: of each process, of which there are as many as cores."""
        self._threads = threads

    def missing(self) -> str | None:
        return None if find_spec("gunicorn") else "gunicorn is not installed: make bench installs bench/requirements.txt"

    def make_tables(self) -> None:
        command = (sys.executable, "-m", "django", "migrate", "--noinput")
        environment = self.environment(DJANGO_SETTINGS_MODULE=_SETTINGS)
        done = subprocess.run(command, cwd=self.place.project, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"the migrations failed: {done.stderr.strip()[-300:]}")

    def start(self) -> None:
        gunicorn = (sys.executable, "-m", "gunicorn", "--config", str(FOLDER / "gunicorn_config.py"), "bench.peers.drf.wsgi")
        self.run("web", gunicorn, WORKERS=str(self.place.cores), THREADS=str(self._threads), DJANGO_SETTINGS_MODULE=_SETTINGS)
        self.await_web()

    def versions(self) -> Mapping[str, str]:
        return {name: version(name) for name in ("Django", "djangorestframework", "djangorestframework_simplejwt", "gunicorn", "psycopg2-binary")}

    def accounts_made(self) -> int:
        """The tokens name them; nothing is looked up, so no rows are needed."""
        return ACCOUNTS

    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:
        if voters == "newcomer":
            return (b"" for _ in range(count))
        if voters == "session":
            return (b"X-Voter-Token: %b\r\n" % voter_token(self.secret, os.urandom(16)) for _ in range(count))
        return account_lines(self.secret, count)


def make() -> Target:
    return Drf()
