"""A run: the servers, the systems under test with their places, and the record; measures one thing at a time."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from bench.book import Book
from bench.correctness import check_target
from bench.machine import cores
from bench.measuring import Measurement, measure_reads, measure_votes
from bench.requests import even, mixed, read_request, vote_requests, with_repeats, zipf
from bench.servers import Servers
from bench.targets import Ceiling, Place, Poll, Skipped, Target, Voters
from bench.telling import Teller
from bench.wrk import LoadFailed, RanOut, run_wrk, write_requests

_SPARE = 4  # more of them for each connection: a slow system has as many under way as there are connections
_MARGIN = 1.5  # requests made ahead ÷ those that the best round so far would need
_FIRST_GUESS = 4_000.0  # votes a second, before a target has been seen
_ATTEMPTS = 3
_WARM_CONNECTIONS = 64
_QUIET_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thorough a run is. `seconds`: of one measurement. `web_processes`: of Nexus and of the ceilings."""

    rounds: int
    seconds: float
    quick: bool
    web_processes: int
    minutes: float = 10.0
    votes: int = 10_000_000
    only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Votes to be cast: in how many polls of how many choices, by whom, with which share (0 to 1) sent twice, beside how many reads."""

    voters: Voters = "session"
    polls: int = 1
    choices: int = 2
    law: str = "even"
    repeated: float = 0.0
    reads_per_vote: int = 0


@dataclass
class Workbench:
    """What every part of a run needs."""

    servers: Servers
    options: Options
    book: Book
    teller: Teller
    folder: Path
    project: Path
    rates: dict[str, float] = field(default_factory=dict)
    _redis: Iterator[int] = field(default_factory=lambda: iter(range(2, 16)))  # 0 and 1 may be the broker's

    def place(self, name: str, *, web_processes: int | None = None) -> Place:
        """Makes a place for a target: an empty database, Redis database and folder, a free port."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return Place(
            name=name,
            folder=folder,
            project=self.project,
            database_url=self.servers.make_database(f"bench_{name}"),
            redis_url=self.servers.redis(next(self._redis)),
            broker_url=self.servers.broker_url,
            host="127.0.0.1",
            port=free_port(),
            cores=cores(),
            web_processes=web_processes or self.options.web_processes,
        )

    def prepare(self, target: Target, *, warm: bool = True) -> bool:
        """Prepares a target, tries whether it counts right and how fast it about is; one that fails is noted as skipped, and False returned."""
        try:
            target.prepare(self.place(target.name))
            with self.running(target):
                check_target(target)
                if warm:
                    self.warm_up(target)
        except Skipped as reason:
            self.skip(target.name, str(reason))
            return False
        self.book.about.setdefault("versions", {})[target.title] = dict(target.versions())
        self.teller.step(f"{target.title}: counts right")
        return True

    def skip(self, what: str, why: str) -> None:
        self.book.skipped[what] = why
        self.teller.say(f"skipped: {what}: {why}")

    @contextmanager
    def running(self, target: Target, start: Callable[[], None] | None = None) -> Iterator[None]:
        """Runs a target's processes for as long as the block lasts; `start` starts them otherwise than usual."""
        try:
            (start or target.start)()
            yield
        finally:
            target.stop()

    def warm_up(self, target: Target, *, seconds: float = 1.0, settle: bool = True) -> None:
        """A second of votes that nobody measures: caches fill, plans are made, and we see about how fast it is. `settle`: waits until they are counted."""
        polls = target.open_polls(1, voters="session", choices=2)
        stem = self.file(target, polls, Work(), int(seconds * 2 * self.rates.get(target.name, _FIRST_GUESS)) + _SPARE * _WARM_CONNECTIONS)
        seen = run_wrk(target.place.url, stem, connections=_WARM_CONNECTIONS, seconds=seconds, again=True)
        self.rates[target.name] = max(self.rates.get(target.name, 0.0), seen.answered / seen.seconds)
        if settle:
            self._await_quiet(target, polls)

    def votes(self, name: str, target: Target, work: Work, *, connections: int, settle: bool = True, polls: Sequence[Poll] = ()) -> Measurement | None:
        """Measures votes of a running target, in fresh polls or in these, and writes them into the book under `name`.

        A failure is noted, and None returned.
        """
        try:
            measurement = self._votes(target, work, connections=connections, settle=settle, given=polls)
        except LoadFailed as error:
            self.book.failed.append(f"{name}: {error}")
            self.teller.step(f"{name}: failed: {error}")
            return None
        self.book.add(name, measurement.as_dict())
        self.teller.step(f"{name}: {measurement.per_second:,.0f} /s, {measurement.server_cpu:,.0f} µs of CPU each")
        return measurement

    def reads(self, name: str, subject: Target | Ceiling, requests: Sequence[bytes], *, connections: int, unit: str = "reads/s") -> Measurement | None:
        """Measures requests that may be repeated, as `votes` does."""
        stem = subject.place.folder / "reads"
        write_requests(stem, requests)
        try:
            measurement = measure_reads(self.servers, subject, stem, connections=connections, seconds=self.options.seconds)
        except LoadFailed as error:
            self.book.failed.append(f"{name}: {error}")
            self.teller.step(f"{name}: failed: {error}")
            return None
        self.book.add(name, measurement.as_dict())
        self.teller.step(f"{name}: {measurement.per_second:,.0f} {unit}, {measurement.server_cpu:,.1f} µs of CPU each")
        return measurement

    def requests(self, target: Target, polls: Sequence[Poll], work: Work, count: int) -> Iterator[bytes]:
        """`count` votes as the work wants them, fewer where there are fewer voters."""
        host = f"{target.place.host}:{target.place.port}"
        law = zipf(polls) if work.law == "zipf" else even(polls)
        votes = vote_requests(host, target.votes_path, target.credentials(work.voters, count), law)
        if work.repeated:
            return with_repeats(votes, work.repeated)
        if work.reads_per_vote:
            reads = [read_request(host, target.results_path.format(poll=poll.id)) for poll in polls]
            return mixed(votes, reads, reads_per_vote=work.reads_per_vote)
        return votes

    def _votes(self, target: Target, work: Work, *, connections: int, settle: bool, given: Sequence[Poll]) -> Measurement:
        for doubled in range(_ATTEMPTS):
            polls = given or target.open_polls(work.polls, voters=work.voters, choices=work.choices)
            rate = self.rates.get(target.name, _FIRST_GUESS) * 2**doubled
            stem = self.file(target, polls, work, int(rate * self.options.seconds * _MARGIN) + _SPARE * connections)
            load = partial(run_wrk, target.place.url, stem, connections=connections, seconds=self.options.seconds)
            try:
                measurement = measure_votes(
                    self.servers, target, polls, load, patience=_patience(target), settle=settle, reads_per_vote=work.reads_per_vote, connections=connections
                )
            except RanOut:
                self._await_quiet(target, polls)
                continue
            self.rates[target.name] = max(self.rates.get(target.name, 0.0), measurement.per_second)
            if measurement.settled is None:
                target.discard_backlog()
            return measurement
        raise LoadFailed("the requests made ahead never lasted")

    def file(self, target: Target, polls: Sequence[Poll], work: Work, count: int) -> Path:
        """Writes so many votes for a load to send; returns the stem of the files, of which `<stem>.0` is the first thread's."""
        stem = target.place.folder / "votes"
        if work.voters == "account":
            count = min(count, target.accounts_made())
        write_requests(stem, islice(self.requests(target, polls, work, count), count))
        return stem

    def _await_quiet(self, target: Target, polls: Sequence[Poll]) -> None:
        """Waits until what was cast is counted; where that takes long, it is forgotten."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while target.tallies and time.monotonic() < deadline:
            counted = target.counted(polls)
            if counted.durable == counted.tallied:
                break
            time.sleep(0.05)
        target.discard_backlog()


def _patience(target: Target) -> float:
    """Seconds to wait until everything is counted. Who answers before a vote is durable may take for ever; some seconds tell how fast it drains."""
    return 20.0 if target.durable_when_accepted else 4.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
