"""A tally beside the count it should equal."""

from __future__ import annotations

from demo.comparing import compare, table


def test_equal_rows_and_totals_are_equal() -> None:
    assert compare({"A": 2, "B": 1}, {"B": 1, "A": 2}, counted_total=3, expected_total=3).equal


def test_one_row_that_differs_is_enough_even_when_the_totals_agree() -> None:
    assert not compare({"A": 1, "B": 2}, {"A": 2, "B": 1}, counted_total=3, expected_total=3).equal


def test_a_total_that_differs_is_enough() -> None:
    assert not compare({"A": 1}, {"A": 1}, counted_total=2, expected_total=1).equal


def test_a_name_that_one_side_lacks_has_no_votes_there() -> None:
    assert not compare({"A": 1, "C": 1}, {"A": 1}, counted_total=2, expected_total=2).equal
    assert not compare({}, {"A": 1}, counted_total=0, expected_total=0).equal
    assert compare({"A": 1}, {"A": 1, "B": 0}, counted_total=1, expected_total=1).equal


def test_the_table_keeps_the_expected_order_and_marks_what_differs() -> None:
    lines = table(compare({"A": 1, "B": 2000}, {"B": 1000, "A": 1}, counted_total=2001, expected_total=1001), expected_title="official").splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["B", "A"]
    assert "differs by +1,000" in lines[1]
    assert "differs" not in lines[2]
    assert lines[-1].startswith("Total")
