"""Lines of a report: nothing is lost, nothing is wider than its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.exports.report_lines import lines_of
from projections.exports.report_texts import BOX, needs_shaping, printable, runs_right_to_left, with_boxes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def measure(text: str) -> float:
    return float(len(text))


@given(TEXTS.map(printable), st.integers(1, 40))
def test_lines_together_are_the_text(text: str, width: int) -> None:
    lines = lines_of(text, width, measure)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert len(lines) == 1 or all(lines)


@given(st.text(st.characters(categories=["L", "N", "Zs"]), max_size=200).map(printable), st.integers(1, 40))
def test_no_line_is_wider_than_its_place(text: str, width: int) -> None:
    assert all(len(line) <= width for line in lines_of(text, width, measure))


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("今晚我们吃饭", 4, ["今晚我们", "吃饭"]),
        ("今晚我们。吃", 4, ["今晚我", "们。吃"]),
        ("오늘 저녁", 3, ["오늘", "저녁"]),
        ("", 5, [""]),
    ],
)
def test_where_lines_are_broken(text: str, width: int, lines: list[str]) -> None:
    assert lines_of(text, width, measure) == lines


def test_marks_stay_with_their_letters() -> None:
    assert lines_of("a\u0323b\u0323c\u0323", 2, measure) == ["a\u0323", "b\u0323", "c\u0323"]


@given(TEXTS)
def test_what_is_printed_is_one_line_and_turns_nothing_round(text: str) -> None:
    clean = printable(text)
    assert not set(clean) & set("\n\r\t\0\u202e\u2066")
    assert clean == printable(clean)


def test_what_no_font_shows_becomes_a_box_and_marks_simply_go() -> None:
    assert with_boxes("aதி", {ord("a")}) == f"a{BOX}"


@pytest.mark.parametrize(("text", "right"), [("abc", False), ("123 שלום", True), ("مرحبا abc", True), ("abc مرحبا", False), ("123", False), ("", False)])
def test_the_first_letter_says_where_a_text_begins(text: str, right: bool) -> None:
    assert runs_right_to_left(text) is right


@pytest.mark.parametrize(
    ("text", "shaped"), [("Tea, Où?", False), ("Где Κυριακή", False), ("今晚", False), ("שלום", True), ("مرحبا", True), ("हिन्दी", True), ("ไทย", True)]
)
def test_only_scripts_whose_letters_change_need_a_shaping_engine(text: str, shaped: bool) -> None:
    assert needs_shaping(text) is shaped
