"""Lays a tally beside the count it should equal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate's votes here and there."""

    name: str
    counted: int
    expected: int

    @property
    def equal(self) -> bool:
        return self.counted == self.expected


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Row, ...]
    total: Row

    @property
    def equal(self) -> bool:
        """Whether every row and the total are equal."""
        return self.total.equal and all(row.equal for row in self.rows)


def compare(counted: Mapping[str, int], expected: Mapping[str, int], *, counted_total: int, expected_total: int) -> Comparison:
    """Every name of either side once, in the order of `expected`; a name that one side lacks has 0 there."""
    names = [*expected, *(name for name in counted if name not in expected)]
    rows = tuple(Row(name, counted.get(name, 0), expected.get(name, 0)) for name in names)
    return Comparison(rows, Row("Total", counted_total, expected_total))


def table(comparison: Comparison, *, expected_title: str) -> str:
    """The comparison as lines of text for a terminal, one row per candidate and the total last; what differs is marked."""
    width = max(len(row.name) for row in (*comparison.rows, comparison.total))
    lines = [f"{'':{width}}  {'Nexus':>9}  {expected_title:>9}"]
    lines += [_line(row, width) for row in comparison.rows]
    lines += ["─" * len(lines[0]), _line(comparison.total, width)]
    return "\n".join(lines)


def _line(row: Row, width: int) -> str:
    mark = "" if row.equal else f"  differs by {row.counted - row.expected:+,}"
    return f"{row.name:{width}}  {row.counted:>9,}  {row.expected:>9,}{mark}"
