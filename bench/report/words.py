"""Figures as people read them, each with its unit. Pure."""

from __future__ import annotations

from bench.spread import Spread

_LARGE = 100.0
_COUNTS = {"votes", "rows", "requests", "batches", "times", "min"}
_SIGNS = {"x": "\N{MULTIPLICATION SIGN}"}


def figure(value: float, unit: str) -> str:
    """A figure with three digits that matter, and its unit: `ms` takes seconds, `%` shares of 1, `MB` bytes, `x` says how many times."""
    if unit == "ms":
        value *= 1000
    elif unit == "%":
        value *= 100
    elif unit == "MB":
        value /= 2**20
    size = abs(value)
    text = f"{value:,.0f}" if size >= _LARGE or (unit in _COUNTS and value == int(value)) else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    return f"{text} {_SIGNS.get(unit, unit)}"


def spread_words(found: Spread, unit: str) -> str:
    """The median with the smallest and the largest of the rounds."""
    if found.rounds == 1:
        return f"{figure(found.median, unit)} (one round)"
    return f"{figure(found.median, unit)} ({figure(found.smallest, unit)} to {figure(found.largest, unit)})"


def markdown_table(heads: list[str], rows: list[list[str]], *, right: int = 0) -> str:
    """A Markdown table; the columns from `right` on are set to the right, 0 for none."""
    rule = ["---:" if right and place >= right else "---" for place in range(len(heads))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads, rule, *rows])
