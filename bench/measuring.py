"""One measurement of votes or reads: load, the pipeline's rest, CPU by component, and whether every vote is where it should be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cpu import TICK, Components, Usage, measured, read_stats
from bench.servers import APPLICATION, Servers, backends
from bench.targets import Ceiling, Counted, Poll, Target
from bench.wrk import Load, LoadFailed, run_wrk

AFTER_COMMIT = ("relay", "broker", "worker", "redis", "beat", "postgres after commit")
_AFTER_CLIENTS = ("nexus-relay", "bench-relay", "bench-worker", "bench-beat")
_LOOK_EVERY = 0.05  # seconds


@dataclass(kw_only=True)
class Measurement:
    """One measurement. `cpu`: microseconds per operation by component, the load generator's under `load`. Latencies in seconds, of the closed loop.

    `settled`: seconds after the load until every vote was in the results, None when it was not awaited to the end. `tallied_per_second`: votes in the
    results ÷ seconds from the beginning of the load until then. `foreign`: share of the machine's CPU that went to processes of nobody here.
    """

    operations: int
    per_second: float
    p50: float
    p99: float
    refused: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    settled: float | None = None
    tallied_per_second: float | None = None
    foreign: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def cpu_of(self, *components: str) -> float:
        """Microseconds per operation of these components together."""
        return sum(self.cpu.get(component, 0.0) for component in components)

    @property
    def server_cpu(self) -> float:
        """Microseconds per operation of everything but the load generator."""
        return sum(value for name, value in self.cpu.items() if name != "load")


@contextmanager
def watched(servers: Servers, pids: Mapping[str, Sequence[int]], database_url: str | None, *, uses: Sequence[str]) -> Iterator[Usage]:
    """Measures CPU by component, the shared servers' among them that are used; PostgreSQL's work for relay and workers apart, for the harness as load."""
    components: Components = {**{name: servers.pids[name] for name in uses}, **pids}
    before = _backend_ticks()
    with measured(components) as usage:
        yield usage
        names = backends(database_url) if database_url else {}
    after = _backend_ticks()
    for pid, name in names.items():
        component = _part_of(name)
        if component is not None:
            seconds = (after.get(pid, 0) - before.get(pid, 0)) * TICK
            usage.cpu[component] = usage.cpu.get(component, 0.0) + seconds
            usage.cpu["postgres"] = max(0.0, usage.cpu.get("postgres", 0.0) - seconds)


def _part_of(client: str) -> str | None:
    """Whose work a backend of PostgreSQL does, where that is not the web's."""
    if client == APPLICATION:
        return "load"
    return "postgres after commit" if client.startswith(_AFTER_CLIENTS) else None


def measure_votes(
    servers: Servers,
    target: Target,
    polls: Sequence[Poll],
    load: Callable[[], Load],
    *,
    patience: float = 20.0,
    settle: bool = True,
    reads_per_vote: int = 0,
    connections: int = 0,
    load_pids: Sequence[int] = (),
) -> Measurement:
    """Runs a closed load of votes, each followed by so many reads, and waits until the results show them all.

    `settle=False`: nobody tallies, so only the votes themselves are awaited. `load_pids`: what else of ours is a load meanwhile.
    Raises `LoadFailed` when votes are missing.
    """
    before = target.counted(polls)
    began = time.monotonic()
    with watched(servers, {**target.pids(), "load": load_pids}, target.place.database_url, uses=target.uses) as usage:
        seen = load()
        loaded = time.monotonic()
        # of what was sent in turn, each connection may still have had a request of either kind under way
        cast = seen.accepted // (1 + reads_per_vote) - (connections if reads_per_vote else 0)
        complete, counted = _await_counts(target, polls, before, cast, patience if target.tallies and settle else 2.0, settle=settle)
        settled = time.monotonic()
    if counted.durable < cast and target.durable_when_accepted:
        raise LoadFailed(f"{cast} votes were accepted and {counted.durable} are in the database")
    operations = seen.accepted
    return Measurement(
        operations=operations,
        per_second=seen.accepted_per_second,
        p50=seen.p50,
        p99=seen.p99,
        refused=seen.refused,
        cpu=per_operation(usage.cpu, operations),
        settled=settled - loaded if complete else None,
        tallied_per_second=counted.tallied / (settled - began) if target.tallies and settle else None,
        foreign=usage.foreign,
        more={"durable": counted.durable, "tallied": counted.tallied},
    )


def measure_reads(servers: Servers, subject: Target | Ceiling, stem: Path, *, connections: int, seconds: float) -> Measurement:
    """Runs a closed load of requests that may be repeated. Raises `LoadFailed` when one was refused."""
    database_url, uses = (subject.place.database_url, subject.uses) if isinstance(subject, Target) else (None, ())
    with watched(servers, subject.pids(), database_url, uses=uses) as usage:
        seen = run_wrk(subject.place.url, stem, connections=connections, seconds=seconds, again=True)
    if seen.refused:
        raise LoadFailed(f"{seen.refused} of {seen.answered} reads were refused")
    return Measurement(
        operations=seen.answered,
        per_second=seen.accepted_per_second,
        p50=seen.p50,
        p99=seen.p99,
        cpu=per_operation(usage.cpu, seen.answered),
        foreign=usage.foreign,
        more={"bytes_per_answer": seen.bytes / max(1, seen.answered)},
    )


def per_operation(cpu: Mapping[str, float], operations: int) -> dict[str, float]:
    """CPU seconds as microseconds per operation."""
    return {name: seconds * 1e6 / max(1, operations) for name, seconds in cpu.items()}


def _await_counts(target: Target, polls: Sequence[Poll], before: Counted, accepted: int, patience: float, *, settle: bool) -> tuple[bool, Counted]:
    """Looks until everything is counted and comes to rest: what was in flight when the load stopped may be written just then."""
    deadline = time.monotonic() + patience
    last = None
    while True:
        found = target.counted(polls)
        now = Counted(durable=found.durable - before.durable, tallied=found.tallied - before.tallied)
        complete = now.durable >= accepted and (now.tallied == now.durable or not settle)
        if (complete and now == last) or time.monotonic() > deadline:
            return complete, now
        last = now
        time.sleep(_LOOK_EVERY)


def _backend_ticks() -> dict[int, int]:
    return {stat.pid: stat.own for stat in read_stats() if stat.name == "postgres"}
