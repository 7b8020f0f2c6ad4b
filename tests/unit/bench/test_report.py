"""The report says what was measured, in units, and nothing as reached that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.book import Book, read_book
from bench.report.charts import charts
from bench.report.goals import GOALS, goal_rows
from bench.report.pages import NoMarker, between, write_book
from bench.report.svg import lines, stacked_bars
from bench.report.tables import cpu_parts, figures_table, single_table
from bench.report.words import figure, spread_words
from bench.spread import Spread


def record(per_second: float, **cpu: float) -> dict[str, Any]:
    return {"operations": 100, "per_second": per_second, "p50": 0.001, "p99": 0.002, "cpu": cpu, "foreign": 0.01}


def book(**rounds: list[dict[str, Any]]) -> Book:
    return filled("bench", {name.replace("__", "/"): records for name, records in rounds.items()})


def filled(name: str, rounds: dict[str, list[dict[str, Any]]]) -> Book:
    made = Book(name)
    for what, records in rounds.items():
        for number, one in enumerate(records, start=1):
            made.about["round"] = number
            made.add(what, one)
    del made.about["round"]
    return made


def row_of(rows: list[list[str]], what: str) -> list[str]:
    return next(row for row in rows if row[0] == what)


def test_every_figure_has_its_unit() -> None:
    assert figure(0.0123, "ms") == "12.3 ms"
    assert figure(0.125, "%") == "12.5 %"
    assert figure(1_234_567, "votes/s") == "1,234,567 votes/s"
    assert figure(3 * 2**20, "MB") == "3.00 MB"
    assert spread_words(Spread(2.0, 1.0, 3.0, 3), "x") == "2.00 \N{MULTIPLICATION SIGN} (1.00 \N{MULTIPLICATION SIGN} to 3.00 \N{MULTIPLICATION SIGN})"


def test_a_goal_is_reached_by_the_median() -> None:
    found = book(nexus__session__256=[record(40), record(41), record(90)], asgi_hello__receipt__256=[record(100), record(100), record(100)])
    row = row_of(goal_rows({"bench": found}), "durable votes/s, 256 connections ÷ bare ASGI hello on the same server")
    assert row[3] == "yes"
    found.rounds["nexus/session/256"][1]["per_second"] = 39.0
    found.rounds["nexus/session/256"][0]["per_second"] = 30.0
    assert row_of(goal_rows({"bench": found}), row[0])[3] == "no, 98 % of it"


def test_what_must_stay_below_is_not_reached_above() -> None:
    found = book(nexus__session__256=[record(1, web=300.0, postgres=100.0, load=999.0)], asgi_hello__receipt__256=[record(1, web=100.0, load=50.0)])
    row = row_of(goal_rows({"bench": found}), "CPU of web + PostgreSQL per vote ÷ CPU of one hello")
    assert row[1].startswith("4.00")
    assert row[3] == "no, 1.14 times it"


def test_what_was_not_measured_is_not_reached() -> None:
    assert {row[3] for row in goal_rows({})} == {"not measured"}
    assert len(goal_rows({})) == len(GOALS)


def test_memory_that_grows_is_told_whichever_part_it_is() -> None:
    samples = [{"at": n, "lag": 0.0, "memory": {"web": 100, "worker": 100 + (n >= 40) * 10}} for n in range(50)]
    row = row_of(goal_rows({"soak": filled("soak", {"nexus/soak": samples})}), "memory over the soak at 70 % of peak, the process that grew most")
    assert row[1].startswith("1.10")
    assert row[3].startswith("no")


def test_growth_compares_the_largest_log_with_the_smallest() -> None:
    rounds = {f"nexus/vote at log size/{votes}": [record(1, web=cpu)] for votes, cpu in ((10_000_000, 120.0), (1_000, 100.0), (100_000, 400.0))}
    row = row_of(goal_rows({"growth": filled("growth", rounds)}), "CPU of a vote, largest log ÷ 1,000 votes")
    assert row[1].startswith("1.20")
    assert row[3] == "yes"


def test_the_load_generator_is_no_part_of_what_a_vote_costs() -> None:
    found = book(nexus__session__256=[record(1, web=60.0, postgres=40.0, beat=0.1, load=500.0)])
    assert cpu_parts(found, "nexus/session/256") == {"web": 60.0, "postgres": 40.0}
    assert "100 µs: web 60.0 µs, postgres 40.0 µs" in figures_table(found)


def test_what_is_no_closed_loop_is_told_line_by_line_with_units() -> None:
    found = filled("bench", {"nexus/burst": [{"rate": 900.0, "refused": 0, "first_second_p99": 0.25}], "nexus/soak": [{"at": 1.0, "lag": 0.5}]})
    assert single_table(found).splitlines()[2:] == [
        "| nexus/burst | rate | 900 /s (one round) |",
        "| nexus/burst | first second p99 | 250 ms (one round) |",
        "| nexus/burst | refused | 0 votes (one round) |",
    ]


def test_charts_are_well_formed_whatever_things_are_called() -> None:
    for text in (stacked_bars("A & B", "µs", [("<x>", {"web": 1.0, "a & b": 2.0})]), lines("t", "x", "y", {"a<b": [(1, 0.0), (1000, 5.0)]}, logarithmic=True)):
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314  (our own text)
    drawn = charts(book(nexus__session__256=[record(9, web=1.0)], drf__session__256=[record(1, web=9.0)]))
    assert set(drawn) == {"votes-256", "cpu-per-vote"}


def test_a_book_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = book(nexus__session__256=[record(9, web=1.0)])
    write_book(tmp_path, written)
    assert read_book(tmp_path / "bench.json") == written
    assert read_book(tmp_path / "growth.json") is None
    assert "nexus/session/256" in (tmp_path / "bench.md").read_text(encoding="utf-8")


def test_the_docs_change_between_their_markers_only() -> None:
    text = "a\n<!-- bench:goals -->\nold\n<!-- /bench:goals -->\nb\n"
    assert between(text, "goals", "| new |\\1") == "a\n<!-- bench:goals -->\n\n| new |\\1\n\n<!-- /bench:goals -->\nb\n"
    with pytest.raises(NoMarker):
        between(text, "growth", "x")
