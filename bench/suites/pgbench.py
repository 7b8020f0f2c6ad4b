"""How many rows PostgreSQL takes at all, in groups, from its own load generator: the ceiling above every vote."""

from __future__ import annotations

from bench.ceilings.pgbench_groups import probe
from bench.measuring import per_operation, watched
from bench.targets import Skipped
from bench.workbench import Workbench

GROUPS = (1, 50)


def pgbench_groups(bench: Workbench) -> None:
    """Rows a second, one a commit and in groups."""
    why = probe.missing()
    if why is not None:
        bench.skip("pgbench", why)
        return
    for group in GROUPS:
        place = bench.place(f"pgbench_{group}")
        try:
            probe.prepare(place)
            with watched(bench.servers, {}, place.database_url, uses=("postgres",)) as usage:
                found = probe.measure(place, seconds=bench.options.seconds, group=group)
        except Skipped as reason:
            bench.skip("pgbench", str(reason))
            return
        rows = int(found["rows"])
        name = f"pgbench/{group} rows a commit"
        bench.book.add(
            name, {"per_second": found["rows_per_second"], "operations": rows, "cpu": per_operation(usage.cpu, rows), "foreign": usage.foreign, **found}
        )
        bench.teller.step(f"{name}: {found['rows_per_second']:,.0f} rows/s")
