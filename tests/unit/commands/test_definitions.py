"""A poll's definition is checked whole: every fault is found, and pointed at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.definitions import PollDefinition, QuestionDefinition, check_definition, check_edit
from core.errors import FieldError, ValidationError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CHOICES = [{"text": "A"}, {"text": "B"}, {"text": "C"}]


def body(**fields: Any) -> dict[str, Any]:
    return {"title": "T", "questions": [{"text": "Q", "choices": CHOICES}]} | fields


def question(**fields: Any) -> dict[str, Any]:
    return body(questions=[{"text": "Q", "choices": CHOICES} | fields])


def faults_of(definition: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        check_definition(definition, now=NOW)
    return {(fault.pointer, fault.code) for fault in caught.value.errors}


def test_the_least_a_poll_needs() -> None:
    assert check_definition(body(), now=NOW) == PollDefinition(
        title="T", questions=(QuestionDefinition(text="Q", kind="single", min_choices=1, max_choices=1, choices=("A", "B", "C")),)
    )


def test_all_there_is() -> None:
    opens = NOW + timedelta(hours=1)
    given_ = body(
        description="D\n", opens_at="2030-01-01T02:00:00.5+01:00", closes_at="2030-01-02t00:00:00z", draft=True, listed=False, voters="open", results="owner",
        changeable=True, questions=[{"text": " Q ", "kind": "multiple", "min_choices": 0, "max_choices": 3, "choices": CHOICES}], later="unknown",
    )  # fmt: skip
    assert check_definition(given_, now=NOW) == PollDefinition(
        title="T",
        description="D\n",
        opens_at=opens + timedelta(milliseconds=500),
        closes_at=NOW + timedelta(days=1),
        draft=True,
        listed=False,
        voters="open",
        results="owner",
        changeable=True,
        questions=(QuestionDefinition(text="Q", kind="multiple", min_choices=0, max_choices=3, choices=("A", "B", "C")),),
    )


@pytest.mark.parametrize(
    ("definition", "pointer", "code"),
    [
        ({}, "#/title", "required"),
        ({}, "#/questions", "required"),
        (body(title=""), "#/title", "empty"),
        (body(title=" \t\u200b\u00a0"), "#/title", "empty"),
        (body(title=7), "#/title", "not-text"),
        (body(title=None), "#/title", "not-text"),
        (body(title="x" * 201), "#/title", "too-long"),
        (body(title="a\0b"), "#/title", "nul"),
        (body(description="x" * 5001), "#/description", "too-long"),
        (body(description=None), "#/description", "not-text"),
        (body(draft="true"), "#/draft", "not-a-boolean"),
        (body(listed=1), "#/listed", "not-a-boolean"),
        (body(changeable=None), "#/changeable", "not-a-boolean"),
        (body(voters="robots"), "#/voters", "unknown-value"),
        (body(voters=["session"]), "#/voters", "unknown-value"),
        (body(results="Always"), "#/results", "unknown-value"),
        (body(closes_at="2030-01-01T00:00:00Z"), "#/closes_at", "in-the-past"),
        (body(closes_at="2031-01-01T00:00:00"), "#/closes_at", "time-without-offset"),
        (body(closes_at="2031-01-01"), "#/closes_at", "not-a-time"),
        (body(closes_at="2031-02-30T00:00:00Z"), "#/closes_at", "not-a-time"),
        (body(closes_at="9999-12-31T23:59:59-01:00"), "#/closes_at", "not-a-time"),
        (body(closes_at=1893456000), "#/closes_at", "not-a-time"),
        (body(closes_at="٢٠٣١-01-01T00:00:00Z"), "#/closes_at", "not-a-time"),
        (body(opens_at="0001-01-01T00:00:00+23:59"), "#/opens_at", "not-a-time"),
        (body(opens_at="0001-01-01T00:00:00Z"), "#/opens_at", "out-of-range"),
        (body(opens_at="2031-01-01T00:00:00Z", closes_at="2031-01-01T00:00:00Z"), "#/opens_at", "not-before-closing"),
        (body(questions=[]), "#/questions", "too-few"),
        (body(questions={}), "#/questions", "not-a-list"),
        (body(questions=None), "#/questions", "not-a-list"),
        (body(questions=[{}] * 51), "#/questions", "too-many"),
        (body(questions=["Q"]), "#/questions/0", "not-an-object"),
        (question(text=" "), "#/questions/0/text", "empty"),
        (question(text="x" * 201), "#/questions/0/text", "too-long"),
        (question(kind="ranked"), "#/questions/0/kind", "unknown-value"),
        (question(max_choices=2), "#/questions/0/max_choices", "single-takes-one"),
        (question(min_choices=2), "#/questions/0/min_choices", "min-above-max"),
        (question(kind="multiple", min_choices=3, max_choices=2), "#/questions/0/min_choices", "min-above-max"),
        (question(kind="multiple", min_choices=4, max_choices=4), "#/questions/0/min_choices", "more-than-choices"),
        (question(min_choices=-1), "#/questions/0/min_choices", "too-small"),
        (question(kind="multiple", max_choices=101), "#/questions/0/max_choices", "too-large"),
        (question(kind="multiple", max_choices=2**63), "#/questions/0/max_choices", "too-large"),
        (question(kind="multiple", min_choices=0, max_choices=0), "#/questions/0/max_choices", "too-small"),
        (question(min_choices=True), "#/questions/0/min_choices", "not-an-integer"),
        (question(max_choices=1.0), "#/questions/0/max_choices", "not-an-integer"),
        (question(choices=CHOICES[:1]), "#/questions/0/choices", "too-few"),
        (question(choices=[{"text": str(n)} for n in range(101)]), "#/questions/0/choices", "too-many"),
        (question(choices=[{"text": "A"}, {"text": " A"}]), "#/questions/0/choices/1/text", "repeated"),
        (question(choices=[{"text": "é"}, {"text": "e\u0301"}]), "#/questions/0/choices/1/text", "repeated"),
        (question(choices=[{"text": ""}, {"text": "B"}]), "#/questions/0/choices/0/text", "empty"),
        (question(choices=[{"text": "A"}, "B"]), "#/questions/0/choices/1", "not-an-object"),
        (question(choices=[{"text": "A"}, {}]), "#/questions/0/choices/1/text", "required"),
    ],
)
def test_a_fault_is_pointed_at(definition: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in faults_of(definition)


def test_limits_themselves_are_within() -> None:
    fullest = body(title="x" * 200, description="y" * 5000, questions=[{"text": "Q", "choices": [{"text": f"{n:0200d}"} for n in range(100)]}] * 50)
    assert len(check_definition(fullest, now=NOW).questions) == 50


def test_the_case_of_a_choice_counts() -> None:
    assert check_definition(question(choices=[{"text": "a"}, {"text": "A"}]), now=NOW).questions[0].choices == ("a", "A")


def test_one_fault_is_told_once() -> None:
    assert faults_of(question(choices=[{"text": ""}, {"text": ""}])) == {("#/questions/0/choices/0/text", "empty"), ("#/questions/0/choices/1/text", "empty")}
    assert faults_of(question(kind="multiple", max_choices=9, choices=[])) == {("#/questions/0/choices", "too-few")}


class TestEdits:
    present = PollDefinition(title="T", opens_at=NOW + timedelta(days=1), closes_at=NOW - timedelta(days=1), voters="code")

    def test_what_is_not_named_stays_and_is_not_judged_again(self) -> None:
        assert check_edit({}, self.present, now=NOW) == self.present
        assert check_edit({"title": "U"}, self.present, now=NOW).title == "U"

    def test_times_are_judged_together(self) -> None:
        with pytest.raises(ValidationError) as caught:
            check_edit({"closes_at": "2030-01-01T12:00:00Z"}, self.present, now=NOW)
        assert [fault.pointer for fault in caught.value.errors] == ["#/closes_at"]
        assert check_edit({"closes_at": None}, self.present, now=NOW).closes_at is None

    def test_questions_are_replaced_as_a_whole(self) -> None:
        with pytest.raises(ValidationError):
            check_edit({"questions": []}, self.present, now=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.dictionaries(st.sampled_from(["title", "description", "opens_at", "closes_at", "draft", "voters", "results", "questions"]), JSON))
def test_whatever_comes_is_refused_or_sound(anything: dict[str, Any]) -> None:
    try:
        definition = check_definition(anything, now=NOW)
    except ValidationError as error:
        told = bool(error.errors)
    else:
        told = bool(definition.title)
    assert told


@given(JSON)
def test_whatever_stands_for_a_question_is_refused_or_sound(anything: Any) -> None:
    faults: tuple[FieldError, ...] = ()
    try:
        check_definition(body(questions=[anything]), now=NOW)
    except ValidationError as error:
        faults = error.errors
    assert all(fault.pointer.startswith("#/questions") for fault in faults)
