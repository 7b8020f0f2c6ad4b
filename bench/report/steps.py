"""What each step of the tuning did, a line a step. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bench.book import Book
from bench.report.words import figure, markdown_table, spread_words
from bench.spread import Spread, ratio
from bench.steps import WORKS

_MANY = max(connections for _, connections in WORKS)
_HEADS = [
    "step",
    "what it changed",
    *(f"votes/s, {voters} voters, {connections} connections" for voters, connections in WORKS),
    *(f"CPU of {part} per vote, session voters, {_MANY} connections" for part in ("web", "postgres")),
    "votes/s ÷ the step before: " + ", ".join(f"{voters} {connections}" for voters, connections in WORKS),
]


def steps_table(book: Book) -> str:
    """Oldest first. The last column is taken round by round against the nearest step above that was measured; empty for the first."""
    rows: list[list[str]] = []
    before = None
    for step, what in book.about.get("steps", {}).items():
        names = _names(step)
        if not any(book.has(name) for name in names):
            continue
        cpu = [book.cpu_spread(f"{step}/session/{_MANY}", part) for part in ("web", "postgres")]
        rows.append(
            [
                step,
                what,
                *(_told(book.spread(name), "/s") for name in names),
                *(figure(found.median, "µs") if found else "-" for found in cpu),
                ", ".join(_factors(book, names, _names(before))) if before else "",
            ]
        )
        before = step
    return markdown_table(_HEADS, rows)


def _names(step: str) -> list[str]:
    return [f"{step}/{voters}/{connections}" for voters, connections in WORKS]


def _factors(book: Book, names: list[str], former: list[str]) -> Iterator[str]:
    for found in (ratio(book.values(name), book.values(below)) for name, below in zip(names, former, strict=True)):
        yield figure(found.median, "x") if found else "-"


def _told(found: Spread | None, unit: str) -> str:
    return spread_words(found, unit) if found else "-"
