"""Very many who follow a poll while it is voted in: what they cost in memory, how soon the last of them sees a vote."""

from __future__ import annotations

import time

from bench.audience import followers
from bench.correctness import statuses
from bench.cpu import memory
from bench.measuring import measure_votes
from bench.nexus.target import Nexus
from bench.requests import even, vote_requests
from bench.targets import Poll
from bench.workbench import Work, Workbench
from bench.wrk import LoadFailed, run_wrk

_LOAD_CONNECTIONS = 32


def live(bench: Workbench, nexus: Nexus, *, clients: int, updates: int, seconds: float) -> None:
    """`clients` streams of one poll: memory, `updates` single votes each awaited by all, then votes as fast as they go in."""
    name = f"nexus/live/{clients}"
    with bench.running(nexus):
        bench.warm_up(nexus)
        poll = nexus.open_polls(1, voters="session", choices=4)[0]
        before = memory(nexus.pids())["web"]
        with followers(nexus.place, nexus.results_path.format(poll=poll.id) + "/stream", clients) as audience:
            audience.await_open(clients)
            held = memory(nexus.pids())["web"] - before
            for number in range(1, updates + 1):
                committed = _cast(nexus, poll)
                told = audience.await_ballots(number)
                bench.book.add(f"{name}/one vote", {"first": told["first"] - committed, "last": told["last"] - committed})
            stem = bench.file(nexus, [poll], Work(), int(bench.rates[nexus.name] * seconds * 1.5))
            began = time.monotonic()
            measured = measure_votes(
                bench.servers,
                nexus,
                [poll],
                lambda: run_wrk(nexus.place.url, stem, connections=_LOAD_CONNECTIONS, seconds=seconds),
                patience=60.0,
                load_pids=[audience.pid],
            )
            told = audience.await_ballots(measured.more["tallied"])
            took = time.monotonic() - began
            held_under_load = memory(nexus.pids())["web"] - before
            ended = audience.finish()
    if ended["lost"] or ended["refused"]:
        raise LoadFailed(f"{ended['lost']} of {clients} streams were cut off")
    bench.book.add(f"{name}/votes meanwhile", measured.as_dict() | {"events_per_second": (ended["events"] - clients * (updates + 1)) / took})
    bench.book.add(f"{name}/memory", {"bytes_per_1000": held / clients * 1000, "bytes_per_1000_under_load": held_under_load / clients * 1000})
    last = bench.book.spread(f"{name}/one vote", "last")
    words = f"{held / clients * 1000 / 2**20:.0f} MB per 1,000, one vote reaches the last after {(last.median if last else 0) * 1000:.0f} ms"
    bench.teller.step(f"{clients:,} live clients: {words}, {measured.per_second:,.0f} votes/s meanwhile")


def _cast(nexus: Nexus, poll: Poll) -> float:
    """Casts one vote; returns when its 201 was there (`time.time`)."""
    request = next(vote_requests(f"{nexus.place.host}:{nexus.place.port}", nexus.votes_path, nexus.credentials("session", 1), even([poll])))
    found = statuses(nexus, [request])
    now = time.time()
    if found != [201]:
        raise LoadFailed(f"a vote was answered {found[0]}")
    return now
