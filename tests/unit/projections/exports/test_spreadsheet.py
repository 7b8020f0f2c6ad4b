"""CSV: rows as RFC 4180 wants them, and no text that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.document import ChoiceResult, QuestionResult, ResultsDocument
from projections.exports.spreadsheet import HEADER, defused, results_csv
from tests.unit.projections.documents import make_document

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)


def with_texts(question: str, *choices: str) -> ResultsDocument:
    made = tuple(ChoiceResult(id=uuid.uuid4(), text=text, votes=index + 1) for index, text in enumerate(choices))
    return make_document(questions=(QuestionResult(id=uuid.uuid4(), text=question, ballots=3, choices=made),))


def read(document: ResultsDocument) -> list[list[str]]:
    return list(csv.reader(io.StringIO(results_csv(document).decode("utf-8"), newline=""), strict=True))


def test_one_row_per_choice_after_the_header() -> None:
    assert results_csv(with_texts("Which?", "Tea", "Coffee")) == b"question,choice,votes,share\r\nWhich?,Tea,1,0.3333\r\nWhich?,Coffee,2,0.6667\r\n"


def test_a_poll_without_ballots_has_shares_of_nothing() -> None:
    question = QuestionResult(id=uuid.uuid4(), text="Which?", ballots=0, choices=(ChoiceResult(id=uuid.uuid4(), text="Tea", votes=0),))
    assert read(make_document(questions=(question,)))[1] == ["Which?", "Tea", "0", "0.0000"]


@given(TEXTS, TEXTS)
def test_whatever_the_texts_rows_read_back_and_no_cell_is_a_formula(question: str, choice: str) -> None:
    header, row = read(with_texts(question, choice))
    assert tuple(header) == HEADER
    assert row == [defused(question), defused(choice), "1", "0.3333"]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in row)
    assert [cell.removeprefix("'") for cell in row[:2]] == [text.removeprefix("'") for text in (question, choice)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1+1", '=HYPERLINK("http://evil.example","x")'])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Tea", "1+1=2", "a-b", "Где?", "'quoted'", '"x", y; z'])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert defused(text) == text
    assert read(with_texts(text, text))[1][:2] == [text, text]
