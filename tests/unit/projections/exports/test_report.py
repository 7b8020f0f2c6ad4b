"""The report in PDF: what it says, in whatever script, on however many pages; the same bytes for the same results."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from projections.document import ChoiceResult, QuestionResult, ResultsDocument
from projections.exports.report import results_pdf
from projections.exports.report_process import order
from tests.unit.projections.documents import make_document

ROOT = Path(__file__).resolve().parents[4]
SCRIPTS = {
    "Cyrillic": "Где поесть?",
    "Greek": "Πού θα φάμε;",
    "Chinese": "今晚在哪里吃饭",
    "Japanese": "どこで食べますか",
    "Korean": "어디서 먹을까요",
    "Hebrew": "היכן נאכל",
    "Arabic": "أين سنأكل",
    "Devanagari": "कहाँ खाएँगे",
    "Thai": "กินข้าวที่ไหน",
    "Georgian": "სად ვჭამოთ",
    "symbols": "☕ → ✓ ≠",
}


def made(title: str, *questions: tuple[str, list[tuple[str, int]]], **fields: object) -> ResultsDocument:
    found = tuple(
        QuestionResult(
            id=uuid.uuid4(),
            text=text,
            ballots=sum(votes for _, votes in choices),
            choices=tuple(ChoiceResult(id=uuid.uuid4(), text=choice, votes=votes) for choice, votes in choices),
        )
        for text, choices in questions
    )
    return make_document(title=title, questions=found, **fields)


def pages(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def test_it_says_what_was_asked_how_it_went_as_of_when_and_whether_that_is_final() -> None:
    document = made("Where shall we eat?", ("Where?", [("Canteen", 12), ("Noodle bar", 29)]), ballots=41)
    (page,) = pages(results_pdf(document, state="open"))
    for words in (
        "Where shall we eat?",
        "Open · Not final · 41 ballots",
        "As of 1 May 2026, 12:00:00 UTC",
        "Canteen",
        "12",
        "29.27 %",
        "70.73 %",
        "Page 1 of 1",
    ):
        assert words in page
    assert "Closed · Final result" in pages(results_pdf(made("T", ("Q", [("A", 1)]), final=True), state="closed"))[0]
    assert "the last votes are being counted" in pages(results_pdf(made("T", ("Q", [("A", 1)])), state="closed"))[0]


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_texts_are_there_in_their_script_and_not_as_boxes(text: str) -> None:
    pdf = results_pdf(made(text, (text, [(text, 3), ("plain", 1)])), state="open")
    (page,) = pages(pdf)
    assert "\u25a1" not in page
    assert "75.00 %" in page
    shown = {c for c in page if ord(c) > 0x7F}
    assert len(shown & set(text)) >= min(3, len(set(text)) - 1), page


def test_what_no_font_has_is_a_box_rather_than_nothing() -> None:
    (page,) = pages(results_pdf(made("T", ("Q", [("தமிழ்", 1)])), state="open"))
    assert "\u25a1" in page


def test_the_operators_own_font_is_asked_for_what_ours_do_not_have(tmp_path: Path) -> None:
    pytest.importorskip("pymupdf_fonts")
    import pymupdf_fonts  # noqa: PLC0415

    own = tmp_path / "own.ttf"
    own.write_bytes(pymupdf_fonts.fontbuffers["music"]())
    for fonts, boxes in (([], True), ([own], False)):
        (page,) = pages(results_pdf(made("T", ("Q", [("\U0001d11e", 1)])), state="open", own_fonts=fonts))
        assert ("\u25a1" in page) is boxes


def test_a_question_that_goes_on_says_so_at_the_top_of_the_next_page() -> None:
    rows = [(f"Choice {index} {'and so on ' * 15}", index) for index in range(60)]
    found = pages(results_pdf(made("Long", ("First?", rows), ("Second?", rows)), state="open"))
    assert len(found) > 4
    assert found[1].startswith("continued First?")
    assert all(f"Page {number} of {len(found)}" in page for number, page in enumerate(found, 1))
    assert all(sum(f"Choice {index} and" in page for page in found) >= 1 for index in range(60))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=120), min_size=3, max_size=3))
def test_no_text_keeps_a_report_from_being_made(texts: list[str]) -> None:
    title, question, choice = texts
    assert results_pdf(made(title, (question, [(choice, 1), (choice[::-1], 0)])), state="open").startswith(b"%PDF-")


def test_the_same_results_are_the_same_bytes_in_every_process() -> None:
    document = made("Где? どこ? أين", ("Q", [(text, index) for index, text in enumerate(SCRIPTS.values())]))
    command = [sys.executable, "-m", "projections.exports.report_process"]
    outputs = set()
    for seed in ("1", "2"):
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed}
        outputs.add(
            subprocess.run(command, input=order(document, state="open", own_fonts=[]), cwd=ROOT, env=environment, capture_output=True, check=True).stdout
        )
    assert len(outputs) == 1
    assert outputs.pop().startswith(b"%PDF-")
