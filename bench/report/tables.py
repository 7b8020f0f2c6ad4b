"""A book as Markdown: the machine, the goals, every figure with its unit. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bench.book import Book
from bench.report.goals import goal_rows
from bench.report.words import figure, markdown_table, spread_words
from bench.spread import spread

_UNITS = {
    "rate": "/s", "per_second": "/s", "p50": "ms", "p99": "ms", "p999": "ms", "slowest": "ms", "lag_p50": "ms", "lag_p99": "ms", "lag_slowest": "ms",
    "first_second_p50": "ms", "first_second_p99": "ms", "refused": "votes", "most_waiting": "requests", "batches": "batches", "first": "ms", "last": "ms",
    "bytes_per_1000": "MB", "bytes_per_1000_under_load": "MB", "events_per_second": "/s",
}  # fmt: skip
_MICROSECONDS = 1_000_000
_ORDER = ("web", "postgres", "postgres after commit", "relay", "broker", "worker", "redis", "beat", "load")


def goals_table(books: dict[str, Book], *, only: str | None = None) -> str:
    """What must be reached, what was measured; `only`: what the run of that name measures."""
    return markdown_table(["what", "measured: median (smallest to largest round)", "wanted", "reached"], goal_rows(books, only=only))


def figures_table(book: Book) -> str:
    """Throughput, latency and CPU by component of everything that was loaded in a closed loop."""
    rows = []
    for name, records in book.rounds.items():
        if not all("cpu" in record and "per_second" in record and "p50" in record for record in records):
            continue
        per_second = book.spread(name)
        p99 = book.spread(name, "p99")
        if per_second is None or p99 is None:
            continue
        load, whole = book.cpu_spread(name, "load"), book.cpu_spread(name)
        rows.append(
            [
                name,
                spread_words(per_second, "/s"),
                figure(p99.median, "ms"),
                _cpu_words(book, name),
                figure(_MICROSECONDS / whole.median, "/s") if whole and whole.median else "-",
                figure(load.median if load else 0.0, "µs"),
            ]
        )
    heads = ["system / work / connections", "a second", "p99, closed loop", "CPU per operation", "a second and core", "load generator's CPU per operation"]
    return markdown_table(heads, rows) if rows else ""


def single_table(book: Book) -> str:
    """Everything else, a figure a line: open loops, lag, bursts, drains, live clients."""
    rows = []
    for name, records in book.rounds.items():
        if "at" in records[0]:
            continue  # a course over time, which is a chart
        loaded = all(key in records[0] for key in ("cpu", "per_second", "p50"))
        for key in () if loaded else _UNITS:
            found = book.spread(name, key)
            if found is not None:
                rows.append([name, key.replace("_", " "), spread_words(found, _UNITS[key])])
        if not loaded and "cpu" in records[0]:
            rows.append([name, "CPU per vote", _cpu_words(book, name)])
        events = book.spread(name, "events_per_second")
        if loaded and events is not None:
            rows.append([name, "events delivered", spread_words(events, "/s")])
    return markdown_table(["what", "figure", "measured"], rows) if rows else ""


def cpu_parts(book: Book, name: str) -> dict[str, float]:
    """Microseconds of CPU per operation by component, medians, the load generator's left out; parts of less than a hundredth of all are left out too."""
    parts = list(dict.fromkeys(part for record in book.rounds.get(name, []) for part in record["cpu"] if part != "load"))
    found = {part: middle.median for part in sorted(parts, key=_place) if (middle := book.cpu_spread(name, part)) is not None}
    whole = sum(found.values())
    return {part: value for part, value in found.items() if value >= whole / 100}


def machine_words(book: Book) -> str:
    """On what, with what and how it was measured."""
    machine, options = book.about.get("machine", {}), book.about.get("options", {})
    where = f"{machine.get('cores')} cores ({machine.get('processor')}), {machine.get('memory')}, {machine.get('system')}"
    how = f"{options.get('rounds')} rounds in turn, {options.get('seconds')} s each, {options.get('web_processes')} web process(es)"
    others = f"{figure(_foreign(book), '%')} (median), {figure(_foreign(book, most=True), '%')} at most"
    lines = [
        f"Measured on {book.about.get('made', 'an unknown day')}: {where}; load generator, servers and PostgreSQL on the same cores. {how}.",
        f"CPU that went to others on this machine meanwhile: {others}.",
    ]
    if options.get("quick"):
        lines.append("A quick run: few rounds, a part of the work. It shows whether something broke, not how fast it is.")
    for what, named in (
        ("Versions", {"servers": book.about.get("servers", {}), **book.about.get("versions", {})}),
        ("PostgreSQL's settings", book.about.get("settings", {})),
    ):
        if named:
            lines.append(f"{what}: {'; '.join(_pairs(named))}.")
    lines += [f"Skipped: {what}: {why}" for what, why in book.skipped.items()]
    lines += [f"Failed: {what}" for what in book.failed]
    return "".join(f"{line}\n\n" for line in lines)


def facts_table(book: Book) -> str:
    """What a run noted beside its rounds."""
    rows = [[group, name, figure(value, unit)] for group, facts in book.facts.items() for name, (value, unit) in facts.items()]
    return markdown_table(["", "what", "measured"], rows) if rows else ""


def _cpu_words(book: Book, name: str) -> str:
    parts = cpu_parts(book, name)
    whole = book.cpu_spread(name)
    return f"{figure(whole.median if whole else 0.0, 'µs')}: " + ", ".join(f"{part} {figure(value, 'µs')}" for part, value in parts.items())


def _pairs(named: dict[str, object]) -> Iterator[str]:
    for name, value in named.items():
        if isinstance(value, dict):
            yield f"{name}: {', '.join(f'{key} {one}' for key, one in value.items())}"
        else:
            yield f"{name} = {value}"


def _foreign(book: Book, *, most: bool = False) -> float:
    found = spread(float(record["foreign"]) for records in book.rounds.values() for record in records if record.get("foreign") is not None)
    return 0.0 if found is None else found.largest if most else found.median


def _place(part: str) -> int:
    return _ORDER.index(part) if part in _ORDER else len(_ORDER)
