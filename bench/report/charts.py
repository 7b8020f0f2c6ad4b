"""The charts of a book, by file name. Pure."""

from __future__ import annotations

from bench.book import Book
from bench.report.svg import bars, lines, stacked_bars
from bench.report.tables import cpu_parts

ANATOMY = "one vote in the web process"
_CURVES = {
    "log size": ("votes in the log", True),
    "polls": ("polls", True),
    "choices": ("choices", False),
    "web processes": ("web processes", False),
}


def charts(book: Book) -> dict[str, str]:
    """SVG texts; a chart for which nothing was measured is left out."""
    found: dict[str, str] = {}
    for connections in (32, 256):
        names = [name for name in book.rounds if name.endswith(f"/session/{connections}") and not name.startswith("nexus without")]
        if len(names) > 1:
            values = [(name.partition("/")[0], _median(book, name)) for name in names]
            found[f"votes-{connections}"] = bars(f"Votes a second, one hot poll, session voters, {connections} connections", "votes/s", values)
    spent = [(name, parts) for name in _votes_of_nexus(book) if (parts := cpu_parts(book, name))]
    if spent:
        found["cpu-per-vote"] = stacked_bars("Where each microsecond of a vote goes: CPU by component", "µs", spent)
    if ANATOMY in book.facts:
        parts_of_web = [(part, value) for part, (value, _) in book.facts[ANATOMY].items()]
        found["anatomy"] = bars("Where each microsecond of the web process goes, per vote", "µs", parts_of_web)
    for what, (unit, logarithmic) in _CURVES.items():
        series = {kind: _curve(book, f"nexus/{kind} at {what}/") for kind in ("vote", "results")}
        series = {kind: line for kind, line in series.items() if len(line) > 1}
        if series:
            found[f"by-{what.replace(' ', '-')}"] = lines(f"CPU per operation by {unit}", unit, "µs of CPU", series, logarithmic=logarithmic)
    soak = book.rounds.get("nexus/soak", [])
    if soak:
        parts = soak[0]["memory"]
        found["memory"] = lines(
            "Memory of each part under steady load", "s", "MB", {part: [(one["at"], one["memory"][part] / 2**20) for one in soak] for part in parts}
        )
        found["lag"] = lines("Age of the oldest vote not yet in the results", "s", "ms", {"lag": [(one["at"], one["lag"] * 1000) for one in soak]})
    return found


def _votes_of_nexus(book: Book) -> list[str]:
    return [name for name in book.named("nexus/") if "results" not in name and " at " not in name and "reads" not in name and _has_cpu(book, name)]


def _has_cpu(book: Book, name: str) -> bool:
    return all("cpu" in record and "per_second" in record for record in book.rounds[name])


def _curve(book: Book, beginning: str) -> list[tuple[float, float]]:
    points = []
    for name in book.named(beginning):
        cpu = book.cpu_spread(name)
        if cpu is not None:
            points.append((float(name.rpartition("/")[2]), cpu.median))
    return sorted(points)


def _median(book: Book, name: str) -> float:
    found = book.spread(name)
    return found.median if found else 0.0
