"""A steady load for minutes on end: what stays flat, what grows, and by how much."""

from __future__ import annotations

import time
from typing import Any

from bench.cpu import memory
from bench.nexus.target import Nexus
from bench.openload import start_open_load
from bench.servers import growth, table_sizes
from bench.workbench import Work, Workbench
from bench.wrk import LoadFailed

SHARE_OF_PEAK = 0.7
_EVERY = 5.0  # seconds between looks
_DISTINCT = 1_000  # requests that are sent again and again: voters without a token, so each is another voter


def soak(bench: Workbench, nexus: Nexus, *, minutes: float) -> None:
    """Finds the peak, then sends new voters' votes at `SHARE_OF_PEAK` of it, evenly, and looks at everything every few seconds."""
    work = Work(voters="newcomer")
    with bench.running(nexus):
        bench.warm_up(nexus)
        for _ in range(3):
            bench.votes("nexus/newcomers/256", nexus, work, connections=256)
        peak = bench.book.spread("nexus/newcomers/256")
        if peak is None:
            raise LoadFailed("the peak could not be measured")
        rate, seconds = peak.median * SHARE_OF_PEAK, minutes * 60
        poll = nexus.open_polls(1, voters="session", choices=4)[0]
        stem = bench.file(nexus, [poll], work, _DISTINCT)
        url = nexus.place.database_url
        before, tables = growth(url), table_sizes(url)
        load = start_open_load(nexus.place.host, nexus.place.port, stem.with_name("votes.0"), rate=rate, seconds=seconds, again=True)
        began, told = time.monotonic(), 0.0
        while not load.ended:
            at = time.monotonic() - began
            sample: dict[str, Any] = {"at": at, "lag": nexus.lag(), "memory": memory({**bench.servers.pids, **nexus.pids()}), **growth(url)}
            bench.book.add("nexus/soak", sample)
            if at >= told:
                told += 30.0
                bench.teller.say(f"{at:5.0f} of {seconds:.0f} s: lag {sample['lag']:.2f} s, web {sample['memory']['web'] / 2**20:.0f} MB")
            time.sleep(max(0.0, _EVERY - (time.monotonic() - began - at)))
        seen = load.result()
        nexus.await_counted()
        after, tables_after = growth(url), table_sizes(url)
        counted = nexus.counted([poll])
    if not counted.durable == counted.tallied >= seen.accepted:
        raise LoadFailed(f"{seen.accepted} votes accepted, {counted.durable} in the database, {counted.tallied} in the results")
    bench.book.facts["steady load"] = {
        "votes a second": [rate, "/s"],
        "minutes": [minutes, "min"],
        "accepted": [seen.accepted, "votes"],
        "refused": [seen.answered - seen.accepted, "votes"],
        "latency, open loop, p50": [seen.p50, "ms"],
        "latency, open loop, p99": [seen.p99, "ms"],
        "latency, open loop, slowest": [seen.slowest, "ms"],
        "write-ahead log per vote": [(after["wal"] - before["wal"]) / seen.accepted, "bytes"],
        "growth of the database per vote": [(after["database"] - before["database"]) / seen.accepted, "bytes"],
        "automatic vacuums": [after["vacuums"] - before["vacuums"], "times"],
        "dead rows at the end": [after["dead_rows"], "rows"],
    }
    bench.book.facts["growth of tables with their indexes"] = {name: [size - tables.get(name, 0), "MB"] for name, size in tables_after.items()}
    bench.teller.step(f"{seen.accepted:,} votes at {rate:,.0f}/s, p99 {seen.p99 * 1000:.1f} ms")
