"""Nexus: the processes of its Procfile, in full production settings, rate limits off."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

import orjson

from bench.nexus.environment import QUEUE_PREFIX, configure_django, nexus_environment
from bench.nexus.other_tree import session_credentials
from bench.processes import Processes
from bench.servers import Servers, broker_connection
from bench.targets import Counted, Place, Poll, Skipped, Target, Voters
from core.embedded.errors import CannotStart
from core.embedded.procfile import parse_procfile

EVERYTHING = ("web", "relay", "worker", "beat")
ACCOUNTS = 100_000
_READ_OVER_HTTP = 20  # polls; of more, the tallies are added up in the database
_PIPELINE_SECONDS = 60.0


class Nexus(Target):
    """The whole of it. `start` may be told to leave parts out, or to set something else, for one round."""

    name = "nexus"
    title = "Nexus"
    uses = ("postgres", "redis", "broker")

    def __init__(self, *, accounts: int = ACCOUNTS) -> None:
        self._wanted_accounts = accounts
        self._account_ids: list[str] = []
        self._account_lines: list[bytes] = []
        self._counts_log = True

    def prepare(self, place: Place) -> None:
        self.place = place
        self._forget_queues()
        self.environment = nexus_environment(place)
        (place.folder / "state").mkdir(exist_ok=True)
        self._commands = _commands(place.project)
        self._web_project = place.project
        self._processes = Processes(place.folder)
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput"], cwd=place.project, env=self.environment, capture_output=True, text=True, check=False
        )
        if migrated.returncode:
            raise Skipped(f"the migrations failed: {migrated.stderr.strip()[-300:]}")
        configure_django(self.environment)
        from bench.nexus import filling  # noqa: PLC0415  (imports models, so not before Django is set up)

        self.filling = filling
        self._owner = filling.make_owner()

    def start(self, *parts: str, **changes: str) -> None:
        """Starts these parts, or all; on return a vote's whole way is open, as far as it was asked for. `changes` are settings for this time."""
        parts = parts or EVERYTHING
        for part in parts:
            self.start_part(part, **changes)
        self._processes.wait_for_http(self.place.host, self.place.port, "/readyz")
        if {"relay", "worker"} <= set(parts):
            self.wait_for_pipeline()

    def start_part(self, part: str, **changes: str) -> None:
        """Starts one process of the Procfile; its connections to PostgreSQL carry its name."""
        environment = {**self.environment, "PGAPPNAME": f"bench-{part}", **changes}
        project = self._web_project if part == "web" else self.place.project
        self._processes.start(part, ("/bin/sh", "-c", f"exec {self._commands[part]}"), env=environment, cwd=project)

    def web_from(self, project: Path) -> None:
        """From its next start on the web process is that of another tree of the project, with voters' tokens as that one makes them; all the rest,
        the schema too, stays this tree's. Raises `Skipped` when it has no such process."""
        try:
            self._commands["web"] = _commands(project)["web"]
        except (OSError, KeyError, CannotStart) as error:
            raise Skipped(f"its Procfile names no web process: {error}") from error
        self._web_project = project

    def stop_part(self, *parts: str) -> None:
        self._processes.stop(*parts)

    def stop(self) -> None:
        self._processes.stop(*(part for part in EVERYTHING if part in self._processes.started))

    def pids(self) -> Mapping[str, Sequence[int]]:
        return self._processes.pids()

    def versions(self) -> Mapping[str, str]:
        names = ("Django", "celery", "uvicorn", "uvloop", "httptools", "psycopg2-binary", "redis")
        return {"Python": sys.version.split()[0], **{name: version(name) for name in names}}

    def open_polls(self, count: int, *, voters: Voters, choices: int) -> list[Poll]:
        return self.filling.make_polls(self._owner, count, voters=voters, choices=choices)

    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:
        if voters == "newcomer":
            return (b"" for _ in range(count))
        if voters == "session" and self._web_project != self.place.project:
            return session_credentials(self._web_project, self.environment, count)
        if voters == "session":
            return self.filling.session_credentials(count)
        if not self._account_ids:
            self._account_ids = self.filling.make_accounts(self._owner, self._wanted_accounts)
            self._account_lines = list(self.filling.account_credentials(self._account_ids))
        return islice(iter(self._account_lines), count)

    def accounts_made(self) -> int:
        return self._wanted_accounts

    def counted(self, polls: Sequence[Poll]) -> Counted:
        ids = [poll.id for poll in polls]
        if not self._counts_log:  # of ten million, too long: what is tallied and what is still to be
            tallied = int(self.filling.one("count_tallied", polls=ids)[0])
            return Counted(durable=tallied + self.backlog(), tallied=tallied)
        durable = self.filling.one("count_votes", polls=ids)[0]
        if len(polls) <= _READ_OVER_HTTP and self._processes.pids().get("web"):
            tallied = sum(self.ballots(poll) for poll in polls)
        else:
            tallied = int(self.filling.one("count_tallied", polls=ids)[0])
        return Counted(durable=durable, tallied=tallied)

    def results(self, poll: Poll) -> tuple[bytes, str]:
        """The body and the ETag of a poll's results, as a reader gets them."""
        with urlopen(f"{self.place.url}{self.results_path.format(poll=poll.id)}", timeout=10) as answer:  # noqa: S310  (our own address)
            return answer.read(), str(answer.headers["ETag"])

    def ballots(self, poll: Poll) -> int:
        """How many ballots a reader sees in a poll."""
        return int(orjson.loads(self.results(poll)[0])["ballots"])

    def wait_for_pipeline(self) -> None:
        """Waits until relay and worker have come up and nothing is left uncounted. Raises `Skipped` when that takes too long."""
        deadline = time.monotonic() + _PIPELINE_SECONDS
        poll = self.open_polls(1, voters="session", choices=2)[0]
        list(self.filling.cast_by_sql([poll], 1))
        while self.ballots(poll) < 1 or self.backlog():
            if time.monotonic() > deadline:
                raise Skipped("relay or worker did not come up: " + self._processes.last_words("relay") + " / " + self._processes.last_words("worker"))
            time.sleep(0.05)

    def move(self, database: str) -> None:
        """Goes over to another database of the same server, while nothing runs. Redis forgets what it held."""
        self.place = replace(self.place, database_url=self.place.database_url.rpartition("/")[0] + f"/{database}")
        self.environment |= {"DATABASE_URL": self.place.database_url, "DATABASE_DIRECT_URL": self.place.database_url}
        self.filling.move(database)
        self._counts_log = False

    def copy_database(self, servers: Servers, name: str) -> None:
        """Makes `name` a copy of the database it is in, while nothing runs."""
        self.filling.let_go()
        servers.make_database(name, like=self.place.database_url.rpartition("/")[2])

    def settle_database(self) -> None:
        """What autovacuum would do within minutes of a bulk load, done at once."""
        self.filling.vacuum()

    def lag(self) -> float:
        """Age in seconds of the oldest durable vote that is not in the results, as `/metrics` tells it."""
        return self.filling.lag()

    def await_counted(self, *, seconds: float = _PIPELINE_SECONDS) -> None:
        """Waits until every vote is counted, with relay and worker running. Raises `Skipped` when that takes longer."""
        deadline = time.monotonic() + seconds
        while self.backlog():
            if time.monotonic() > deadline:
                raise Skipped(f"{self.backlog():,} votes were not counted within {seconds:g} s")
            time.sleep(0.02)

    def backlog(self) -> int:
        """Votes that are durable and not counted yet; at least 1 while there are any."""
        unapplied, uncut = self.filling.one("backlog")
        return int(unapplied) + int(uncut)

    def _forget_queues(self) -> None:
        """Removes what an earlier run left in the broker."""
        if not self.place.broker_url.startswith("amqp://"):
            return
        with broker_connection(self.place.broker_url) as connection:
            for name in ("batches", "sweeps", "dead"):
                channel = connection.channel()
                channel.queue_delete(f"{QUEUE_PREFIX}.{name}")
                channel.close()


def _commands(project: Path) -> dict[str, str]:
    """The commands of the processes by their names, as a tree's Procfile has them."""
    return parse_procfile((project / "Procfile").read_text(encoding="utf-8"))


def make() -> Target:
    return Nexus()
