"""What a system under test must be able to do for the harness: the interface, no system of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

Voters = Literal["session", "newcomer", "account"]


class Skipped(Exception):
    """A target, or a part of the run, cannot be had on this machine; the message is the one line that the report shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a target lives during a run. The harness makes all of it before `prepare`, empty, and removes it afterwards.

    `database_url` (libpq's form, over a socket), `redis_url` (`unix://…?db=n`), `broker_url` (`amqp://…`): the target's own database, Redis
    database and names on servers that everybody shares. `web_processes`: how many processes the server of Nexus and of the ceilings has; a peer may
    choose what serves it best on `cores`.
    """

    name: str
    folder: Path
    project: Path
    database_url: str
    redis_url: str
    broker_url: str
    host: str
    port: int
    cores: int
    web_processes: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll that takes votes: one question, single choice."""

    id: UUID
    question: UUID
    choices: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Votes of some polls: rows in the database, and what the results that readers get add up to."""

    durable: int
    tallied: int


class Target(ABC):
    """A system under test. The harness calls `prepare` once, then `start` … `stop` in every round, measuring in between.

    `tallies`: keeps results that `counted` can wait for. `accounts`: knows account voters. `refuses_repeats`: answers 4xx to a voter's second vote,
    from the database's own constraint. `counts_repeats`: a second vote is one more; with neither, it takes the place of the first.
    `durable_when_accepted`: a vote answered 2xx is in the database. `uses`: which of the shared servers
    `postgres`, `redis` and `broker` work for it, so that nobody is charged with the idling of another's. `votes_path`, `results_path`: with `{poll}`
    for the poll's id.
    """

    name: str
    title: str
    tallies: bool = True
    accounts: bool = True
    refuses_repeats: bool = True
    counts_repeats: bool = False
    durable_when_accepted: bool = True
    uses: tuple[str, ...] = ("postgres",)
    votes_path: str = "/api/v1/polls/{poll}/votes"
    results_path: str = "/api/v1/polls/{poll}/results"

    place: Place

    def missing(self) -> str | None:
        """Why this machine cannot run it, in one line, or None. Asked before anything is made."""
        return None

    @abstractmethod
    def prepare(self, place: Place) -> None:
        """Everything that is done once: schema, build, accounts. Keeps `place`. Raises `Skipped`."""

    @abstractmethod
    def start(self) -> None:
        """Starts the processes; on return they answer. Raises `Skipped` when they do not come up."""

    @abstractmethod
    def stop(self) -> None:
        """Stops them; on return none is left."""

    @abstractmethod
    def pids(self) -> Mapping[str, Sequence[int]]:
        """The processes that were started, by component: `web`, `relay`, `worker`, `beat`, … Their children are found by the harness,
        which adds `postgres`, `redis`, `broker` and `load` itself."""

    def versions(self) -> Mapping[str, str]:
        """What it is made of, name to version, for the report."""
        return {}

    @abstractmethod
    def open_polls(self, count: int, *, voters: Voters, choices: int) -> list[Poll]:
        """Makes fresh polls without votes. Called while the processes run; may take seconds for thousands."""

    @abstractmethod
    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:
        """`count` different voters' header lines, each ending in CR and LF, or empty where voters need none. Cheap per voter: they are made ahead,
        by the hundred thousand. Of accounts there are as many as `accounts_made`."""

    @abstractmethod
    def counted(self, polls: Sequence[Poll]) -> Counted:
        """Votes of these polls now. Called after the load, until both numbers have come to rest."""

    def accounts_made(self) -> int:
        """How many different account voters `credentials` can name."""
        return 0

    def discard_backlog(self) -> None:
        """Forgets votes that are accepted and not yet tallied, where waiting for them would take longer than measuring."""
        return


class Ceiling(ABC):
    """A server that does nothing but answer the same bytes: what the machine, or our server, can do at all."""

    name: str
    title: str
    path: str = "/"
    answers_posts: bool = False  # whether it answers a POST with a body at `path` just so

    place: Place

    def missing(self) -> str | None:
        """Why this machine cannot run it, in one line, or None."""
        return None

    @abstractmethod
    def prepare(self, place: Place) -> None:
        """Keeps `place`. Raises `Skipped`."""

    @abstractmethod
    def start(self, body: bytes) -> None:
        """Serves `body` as application/json at `path`; on return it answers. Raises `Skipped`."""

    @abstractmethod
    def stop(self) -> None:
        """Stops it; on return no process is left."""

    @abstractmethod
    def pids(self) -> Mapping[str, Sequence[int]]:
        """The processes that were started, as component `web`."""

    def versions(self) -> Mapping[str, str]:
        """What it is made of, name to version, for the report."""
        return {}
