"""The list of steps is read as it is written, and its table compares each step with the one before, round by round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.book import Book
from bench.report.pages import BOOKS, page, update_docs
from bench.report.steps import steps_table
from bench.steps import THIS_TREE, WORKS, Step, parse_steps

ROOT = Path(__file__).resolve().parents[3]


def record(per_second: float, **cpu: float) -> dict[str, Any]:
    return {"operations": 100, "per_second": per_second, "p50": 0.001, "p99": 0.002, "cpu": cpu, "foreign": 0.01}


def steps_book(steps: dict[str, str], **rounds: list[float]) -> Book:
    """Votes a second by step, the same for all works, round by round."""
    made = Book("steps", about={"steps": steps})
    for step, values in rounds.items():
        for number, value in enumerate(values, start=1):
            made.about["round"] = number
            for voters, connections in WORKS:
                made.add(f"{step}/{voters}/{connections}", record(value, web=40.0, postgres=20.0, load=9.0))
    return made


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_steps_are_read_in_their_order() -> None:
    listed = parse_steps('# oldest first\n[steps]\nfffffff = "first"\n0123456 = "then"\n')
    assert listed == [Step("fffffff", "first"), Step("0123456", "then")]


@pytest.mark.parametrize(
    "line", ['main = "a branch"', '"--force" = "x"', 'abc = "too short"', 'abcdef0 = ""', 'abcdef0 = "a|b"', "abcdef0 = 1", 'abcdef0 = "a\\nb"']
)
def test_what_is_no_step_is_not_taken_for_one(line: str) -> None:
    with pytest.raises(ValueError, match=line.partition(" ")[0].strip('"')):
        parse_steps(f"[steps]\n{line}\n")


def test_the_list_that_is_there_can_be_read() -> None:
    assert parse_steps((ROOT / "bench" / "steps.toml").read_text(encoding="utf-8"))


def test_a_step_is_compared_with_the_one_before_round_by_round() -> None:
    """The medians are 50 and 60, but what counts is that the step gained half in the middle one of the rounds."""
    table = cells(steps_table(steps_book({"aaaaaaa": "begins", "bbbbbbb": "gains"}, aaaaaaa=[100, 10, 50], bbbbbbb=[150, 60, 20])))
    assert [row[:2] for row in table] == [["aaaaaaa", "begins"], ["bbbbbbb", "gains"]]
    assert table[0][-1] == ""
    assert table[1][-1] == ", ".join(["1.50 \N{MULTIPLICATION SIGN}"] * len(WORKS))
    assert table[1][2] == "60.0 /s (20.0 /s to 150 /s)"
    assert table[1][5:7] == ["40.0 µs", "20.0 µs"]


def test_a_step_without_figures_is_left_out_and_the_next_compared_with_the_one_before_it() -> None:
    steps = {"aaaaaaa": "begins", "bbbbbbb": "was never measured", THIS_TREE: "as it is here"}
    table = cells(steps_table(steps_book(steps, **{"aaaaaaa": [100], THIS_TREE: [200]})))
    assert [row[0] for row in table] == ["aaaaaaa", THIS_TREE]
    assert table[1][-1].startswith("2.00")


def test_a_work_that_failed_leaves_a_dash() -> None:
    found = steps_book({"aaaaaaa": "begins", "bbbbbbb": "gains"}, aaaaaaa=[100], bbbbbbb=[200])
    del found.rounds["bbbbbbb/account/256"]
    last = cells(steps_table(found))[1]
    assert last[4] == "-"
    assert last[-1].endswith(", -")


def test_the_docs_get_the_one_table_and_the_page_all_figures(tmp_path: Path) -> None:
    found = steps_book({"aaaaaaa": "begins"}, aaaaaaa=[100])
    found.skipped["bbbbbbb"] = "not in this clone"
    docs = tmp_path / "performance.md"
    docs.write_text("".join(f"<!-- bench:{name} -->\n<!-- /bench:{name} -->\n" for name in ("goals", *BOOKS)), encoding="utf-8")
    update_docs(docs, {"steps": found})
    written = docs.read_text(encoding="utf-8").partition("<!-- bench:steps -->")[2]
    assert steps_table(found) in written
    assert "Skipped: bbbbbbb: not in this clone" in written
    assert "aaaaaaa/session/256" not in written
    assert "aaaaaaa/session/256" in page(found, {}, [])
