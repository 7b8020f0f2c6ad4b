"""What the targets of all peers have in common: a schema, polls by the thousand, counting, and processes that end."""

from __future__ import annotations

import os
import secrets
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import orjson
import psycopg2
from psycopg2.extensions import make_dsn

from bench.processes import Processes
from bench.targets import Counted, Place, Poll, Target, Voters

_READ_OVER_HTTP = 20  # polls; of more, the counts are added up in the database
_NOT_OURS = ("DJANGO_", "PEER_", "PG", "DATABASE_", "REDIS_", "BROKER_", "GUNICORN_", "WEB_", "PYTHONPATH")


class Peer(Target):
    """A peer whose tables are filled and counted by the named queries `sql`: make_polls, count_votes, count_tallied.

    `counts_when_read`: its results are counted from the votes themselves, so what is in the table is in the results.
    """

    sql: Mapping[str, str]
    counts_when_read = False

    def prepare(self, place: Place) -> None:
        self.place = place
        self._processes = Processes(place.folder)
        self.secret = secrets.token_hex(32)
        self.make_tables()

    @abstractmethod
    def make_tables(self) -> None:
        """Makes the schema in the empty database."""

    def environment(self, **changes: str) -> dict[str, str]:
        """What the processes of a peer are told, and nothing that was meant for another system."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        ours = {
            "PYTHONPATH": str(self.place.project),
            "DATABASE_URL": self.place.database_url,
            "REDIS_URL": self.place.redis_url,
            "PORT": str(self.place.port),
            "PEER_SECRET": self.secret,
        }
        return kept | ours | changes

    def run(self, component: str, argv: Sequence[str], **changes: str) -> None:
        self._processes.start(component, argv, env=self.environment(**changes), cwd=self.place.project)

    def await_web(self) -> None:
        self._processes.wait_for_http(self.place.host, self.place.port, "/healthz")

    def stop(self) -> None:
        self._processes.stop()

    def pids(self) -> Mapping[str, Sequence[int]]:
        return self._processes.pids()

    def open_polls(self, count: int, *, voters: Voters, choices: int) -> list[Poll]:
        rows = self.rows("make_polls", count=count, choices=choices, voters="account" if voters == "account" else "session")
        return [Poll(UUID(poll), UUID(question), tuple(map(UUID, chosen))) for poll, question, chosen in rows]

    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:
        """A random token: who needs no signature gives none."""
        if voters == "newcomer":
            return (b"" for _ in range(count))
        return (b"X-Voter-Token: %b\r\n" % secrets.token_hex(16).encode() for _ in range(count))

    def counted(self, polls: Sequence[Poll]) -> Counted:
        ids = [str(poll.id) for poll in polls]
        durable = int(self.rows("count_votes", polls=ids)[0][0])
        if self.counts_when_read:
            return Counted(durable=durable, tallied=durable)
        if len(polls) <= _READ_OVER_HTTP and self.pids().get("web"):
            return Counted(durable=durable, tallied=sum(self.ballots(poll) for poll in polls))
        return Counted(durable=durable, tallied=int(self.rows("count_tallied", polls=ids)[0][0]))

    def ballots(self, poll: Poll) -> int:
        """How many ballots a reader sees in a poll."""
        return int(self.results(poll)["ballots"])

    def results(self, poll: Poll) -> dict[str, Any]:
        """A poll's results, as a reader gets them."""
        with urlopen(f"{self.place.url}{self.results_path.format(poll=poll.id)}", timeout=10) as answer:  # noqa: S310  (our own address)
            found: dict[str, Any] = orjson.loads(answer.read())
            return found

    def rows(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        """What one of the peer's named queries returns."""
        return self._execute(self.sql[name], parameters)

    def make_by_sql(self, text: str) -> None:
        """Runs statements that return nothing."""
        self._execute(text, None)

    def _execute(self, text: str, parameters: Mapping[str, object] | None) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(make_dsn(self.place.database_url, application_name="bench"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text, parameters)
                return cursor.fetchall() if cursor.description else []
