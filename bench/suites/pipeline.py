"""What comes after the commit: how long until readers see a vote, how fast a backlog is drained, what a burst does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.lag import visible_after
from bench.measuring import per_operation, watched
from bench.nexus.target import Nexus
from bench.openload import start_open_load
from bench.reader import Reader
from bench.spread import percentile
from bench.targets import Poll, Skipped
from bench.workbench import Work, Workbench
from bench.wrk import LoadFailed, run_wrk

HALF, PEAK = "nexus/open loop at half of peak", "nexus/closed loop at peak"
_COUNTED_SECONDS = 30.0
_BACKLOG_SECONDS = 180.0


def lag_at_half(bench: Workbench, nexus: Nexus, peak: float, *, seconds: float) -> None:
    """An open load at half the peak: latency of votes from when they were due, and lag until a reader sees them."""
    poll, stem = _prepared(bench, nexus, int(peak / 2 * seconds) + 1)
    with Reader(nexus, poll) as reader, watched(bench.servers, nexus.pids(), nexus.place.database_url, uses=nexus.uses) as usage:
        load = start_open_load(nexus.place.host, nexus.place.port, stem.with_name("votes.0"), rate=peak / 2, seconds=seconds).result()
        _await_seen(reader, load.accepted)
    if load.accepted < load.answered:
        raise LoadFailed(f"{load.answered - load.accepted} of {load.answered} votes were refused: {dict(load.statuses)}")
    bench.book.add(
        HALF,
        {
            "rate": peak / 2, "operations": load.accepted, "p50": load.p50, "p99": load.p99, "p999": load.p999, "slowest": load.slowest,
            "most_waiting": load.most_waiting, "cpu": per_operation(usage.cpu, load.accepted), "foreign": usage.foreign, **_lags(nexus, poll, reader),
        },
    )  # fmt: skip
    lag = bench.book.rounds[HALF][-1]["lag_p99"]
    bench.teller.step(f"open loop at {peak / 2:,.0f} votes/s: p99 {load.p99 * 1000:.1f} ms, lag p99 {lag * 1000:.0f} ms")


def lag_at_peak(bench: Workbench, nexus: Nexus, peak: float, *, seconds: float, connections: int = 256) -> None:
    """As many votes as go in, and how far readers are behind meanwhile."""
    poll, stem = _prepared(bench, nexus, int(peak * 2 * seconds))
    with Reader(nexus, poll) as reader:
        seen = run_wrk(nexus.place.url, stem, connections=connections, seconds=seconds)
        _await_seen(reader, seen.accepted)
    bench.book.add(PEAK, {"per_second": seen.accepted_per_second, "operations": seen.accepted, **_lags(nexus, poll, reader)})
    lag = bench.book.rounds[PEAK][-1]["lag_p99"]
    bench.teller.step(f"at peak, {seen.accepted_per_second:,.0f} votes/s: lag p99 {lag * 1000:.0f} ms")


def burst(bench: Workbench, nexus: Nexus, peak: float, *, seconds: float = 4.0, idle: float = 3.0) -> None:
    """From idle to peak at one moment: what the first second of votes meets."""
    _, stem = _prepared(bench, nexus, int(peak * seconds) + 1)
    file = stem.with_name("votes.0")
    load = start_open_load(nexus.place.host, nexus.place.port, file, rate=peak, seconds=idle + seconds, idle=idle).result()
    first = next((one for one in load.by_second if one[0] >= idle), [idle, 0, 0.0, 0.0, 0.0])
    bench.book.add(
        "nexus/burst",
        {
            "rate": peak,
            "answered": load.answered,
            "refused": load.answered - load.accepted,
            "first_second_p50": first[2],
            "first_second_p99": first[3],
            "slowest": load.slowest,
        },
    )
    nexus.await_counted()
    bench.teller.step(f"burst to {peak:,.0f} votes/s: p99 of the first second {first[3] * 1000:,.0f} ms, {load.answered - load.accepted} refused")


def drain(bench: Workbench, nexus: Nexus, *, polls: int, votes: int) -> None:
    """A backlog of `votes` that gathered while no worker ran, and one worker process that drains it. Nothing else of Nexus takes part but the relay."""
    name = f"nexus/drain over {polls} poll{'s' if polls > 1 else ''}"
    made = nexus.open_polls(polls, voters="session", choices=4)
    try:
        for done in nexus.filling.cast_by_sql(made, votes):
            bench.teller.say(f"backlog: {done:,} of {votes:,} votes")
        nexus.start_part("relay")
        _await_published(nexus)
        since = nexus.filling.one("clock")[0]
        nexus.start_part("worker")
        with watched(bench.servers, nexus.pids(), nexus.place.database_url, uses=nexus.uses) as usage:
            nexus.await_counted(seconds=_BACKLOG_SECONDS)
        drained, seconds, batches = nexus.filling.one("drained", since=since)
    finally:
        nexus.stop()
    if seconds <= 0:
        raise LoadFailed("the backlog was one batch only")
    bench.book.add(
        name,
        {
            "per_second": float(drained) / seconds,
            "operations": votes,
            "batches": int(batches),
            "cpu": per_operation(usage.cpu, votes),
            "foreign": usage.foreign,
        },
    )
    bench.teller.step(f"{name}: {float(drained) / seconds:,.0f} votes/s")


def _await_published(nexus: Nexus) -> None:
    """Until everything is cut and in the queue."""
    deadline = time.monotonic() + _BACKLOG_SECONDS
    while nexus.filling.one("backlog")[1] or nexus.filling.one("unpublished")[0]:
        if time.monotonic() > deadline:
            raise Skipped("the relay did not publish the backlog in time")
        time.sleep(0.05)


def _prepared(bench: Workbench, nexus: Nexus, count: int) -> tuple[Poll, Path]:
    poll = nexus.open_polls(1, voters="session", choices=2)[0]
    return poll, bench.file(nexus, [poll], Work(), count)


def _await_seen(reader: Reader, accepted: int) -> None:
    if not reader.await_ballots(accepted, seconds=_COUNTED_SECONDS):
        raise LoadFailed(f"of {accepted} accepted votes readers saw {reader.ballots} after {_COUNTED_SECONDS:g} s")


def _lags(nexus: Nexus, poll: Poll, reader: Reader) -> dict[str, float]:
    stamps = [float(row[0]) for row in nexus.filling.rows("stamps", poll=poll.id)]
    lags: Sequence[float] = visible_after(stamps, reader.seen)
    return {"lag_p50": percentile(lags, 0.5), "lag_p99": percentile(lags, 0.99), "lag_slowest": max(lags), "looks": len(reader.seen)}
