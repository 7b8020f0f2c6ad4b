"""Whether a plan finds its rows by index."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from tests.integration.plans.plan import Plan

ONE_ROW = {"log_epoch", "relay_cursor"}
LOG = "votes"
_MOST_OF_THE_LOG = 1100  # rows; all of it is forty times that


def check(plan: Plan, reads: Mapping[str, str], *, rows: float) -> None:
    """`reads`: for every table but those of one row the names of the indexes by which it is read, parted by blanks, with * where Django makes several
    that begin alike; no name where it may be read from end to end, which the log never may be. `rows`: how many may be looked at in any one table.
    """
    found = {table: indexes for table, indexes in plan.indexes.items() if table not in ONE_ROW}
    assert found.keys() == reads.keys()
    for table, indexes in reads.items():
        patterns = indexes.split()
        assert not patterns or all(any(fnmatchcase(index, pattern) for pattern in patterns) for index in found[table]), (table, found[table])
        assert all(any(fnmatchcase(index, pattern) for index in found[table]) for pattern in patterns), (table, found[table])
    assert plan.whole - ONE_ROW <= {table for table, indexes in reads.items() if not indexes} - {LOG}
    assert {table: count for table, count in plan.rows.items() if count > rows} == {}
    assert plan.rows[LOG] < _MOST_OF_THE_LOG
    assert not plan.compiled
