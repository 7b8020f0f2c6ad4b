"""What a plan that PostgreSQL gave as JSON does with each table. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Names:
    """The catalogue: which table a partition belongs to; which table an index belongs to, its name there, and its first column or expression."""

    table: Mapping[str, str]
    index: Mapping[str, tuple[str, str, str]]


def _sets() -> defaultdict[str, set[str]]:
    return defaultdict(set)


def _sums() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass
class Plan:
    """A plan that was run, table by table; partitions and their indexes count as their table and its indexes, PostgreSQL's own tables not at all.

    `indexes`: by which ones it reads a table. `rows`: how many it looked at, also those it then dropped. `probes`: how many times it went into the table
    or any of its partitions. `whole`: the tables that it reads from end to end, whether or not the run came to that, and the indexes that it searches
    without knowing where to begin. `compiled`: PostgreSQL thought it so long that it compiled it first.
    """

    indexes: defaultdict[str, set[str]] = field(default_factory=_sets)
    rows: defaultdict[str, float] = field(default_factory=_sums)
    probes: defaultdict[str, float] = field(default_factory=_sums)
    whole: set[str] = field(default_factory=set)
    compiled: bool = False

    @property
    def tables(self) -> set[str]:
        return set(self.indexes)


def read_plan(explained: Mapping[str, Any], names: Names) -> Plan:
    """Expects what EXPLAIN (ANALYZE, FORMAT JSON) gives for one statement."""
    plan = Plan(compiled="JIT" in explained)
    for node in _nodes(explained["Plan"]):
        relation, index = node.get("Relation Name"), node.get("Index Name")
        if "Scan" not in node["Node Type"] or (relation is None and index is None) or (relation or "").startswith("pg_"):
            continue
        if index is not None:
            table = _note_index(plan, names.index[index], node.get("Index Cond"))
        else:
            table = names.table.get(str(relation), str(relation))
            plan.indexes[table] |= set()
        if node["Node Type"] in {"Seq Scan", "Sample Scan"}:
            plan.whole.add(table)
        if node["Node Type"] != "Bitmap Heap Scan":  # the search of its index stands below it
            plan.probes[table] += node["Actual Loops"]
        if relation is not None:
            seen = sum(node.get(count, 0) for count in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"))
            plan.rows[table] += seen * node["Actual Loops"]
    return plan


def _note_index(plan: Plan, found: tuple[str, str, str], condition: str | None) -> str:
    table, index, first = found
    plan.indexes[table].add(index)
    if condition is not None and re.search(rf"\b{re.escape(first)}\b", condition) is None:
        plan.whole.add(index)
    return table


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
