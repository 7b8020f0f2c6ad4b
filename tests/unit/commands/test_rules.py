"""Where a vote is refused for what it says."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.rules import PollRules, QuestionRules, check_ballot
from core.errors import ValidationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def poll(*questions: QuestionRules, **changes: Any) -> PollRules:
    facts: dict[str, Any] = {"opens_at": None, "closes_at": None, "sealed_at": None, "draft": False} | changes
    return PollRules(
        id=uuid.UUID(int=1),
        voters="session",
        changeable=False,
        salt=b"s" * 16,
        version=1,
        owner_id=uuid.UUID(int=2),
        questions={q.id: q for q in questions},
        **facts,
    )


COLOUR = QuestionRules(id="colour", min_choices=1, max_choices=1, choices=frozenset({"red", "blue"}))
TOPPINGS = QuestionRules(id="toppings", min_choices=0, max_choices=2, choices=frozenset({"a", "b", "c"}))


def test_a_ballot_lists_its_choices_in_the_polls_order_and_keeps_the_voters_order_within_a_question() -> None:
    body = {"answers": [{"question": "toppings", "choices": ["c", "a"]}, {"question": "colour", "choices": ["red"]}]}
    assert check_ballot(poll(COLOUR, TOPPINGS), body) == ("red", "c", "a")


def test_a_question_without_minimum_may_be_left_out_and_a_ballot_may_be_blank() -> None:
    assert check_ballot(poll(COLOUR, TOPPINGS), {"answers": [{"question": "colour", "choices": ["red"]}]}) == ("red",)
    assert check_ballot(poll(TOPPINGS), {"answers": []}) == ()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/answers", "required"),
        ({"answers": "red"}, "#/answers", "not-a-list"),
        ({"answers": []}, "#/answers", "too-few-choices"),
        ({"answers": ["red"]}, "#/answers/0", "not-an-object"),
        ({"answers": [{"choices": ["red"]}]}, "#/answers/0/question", "required"),
        ({"answers": [{"question": "size", "choices": ["red"]}]}, "#/answers/0/question", "unknown-question"),
        ({"answers": [{"question": ["colour"], "choices": ["red"]}]}, "#/answers/0/question", "unknown-question"),
        ({"answers": [{"question": "colour"}]}, "#/answers/0/choices", "required"),
        ({"answers": [{"question": "colour", "choices": "red"}]}, "#/answers/0/choices", "not-a-list"),
        ({"answers": [{"question": "colour", "choices": [1]}]}, "#/answers/0/choices", "not-a-list"),
        ({"answers": [{"question": "colour", "choices": ["green"]}]}, "#/answers/0/choices", "unknown-choice"),
        ({"answers": [{"question": "colour", "choices": ["red", "red"]}]}, "#/answers/0/choices", "repeated-choice"),
        ({"answers": [{"question": "colour", "choices": []}]}, "#/answers/0/choices", "too-few-choices"),
        ({"answers": [{"question": "colour", "choices": ["red", "blue"]}]}, "#/answers/0/choices", "too-many-choices"),
        ({"answers": [{"question": "colour", "choices": ["red"]}, {"question": "colour", "choices": ["blue"]}]}, "#/answers/1/question", "repeated-question"),
    ],
)
def test_every_fault_is_refused_where_it_stands(body: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        check_ballot(poll(COLOUR, TOPPINGS), body)
    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [(pointer, code)]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(
    answers=st.lists(
        st.fixed_dictionaries(
            {},
            optional={"question": st.sampled_from(["colour", "toppings", "x"]) | JSON, "choices": st.lists(st.sampled_from(["red", "a", "b"]) | JSON) | JSON},
        )
        | JSON
    )
    | JSON
)
def test_whatever_the_body_it_is_a_ballot_by_the_rules_or_a_validation_error(answers: Any) -> None:
    try:
        chosen = check_ballot(poll(COLOUR, TOPPINGS), {"answers": answers})
    except ValidationError as refusal:
        assert refusal.errors
    else:
        assert sum(choice in COLOUR.choices for choice in chosen) == 1
        assert sum(choice in TOPPINGS.choices for choice in chosen) == len(chosen) - 1 <= 2


def test_a_poll_is_open_between_its_times_and_until_it_is_sealed() -> None:
    second = timedelta(seconds=1)
    assert poll().is_open(NOW)
    assert poll(opens_at=NOW, closes_at=NOW + second).is_open(NOW)
    assert not poll(closes_at=NOW).is_open(NOW)
    assert not poll(opens_at=NOW + second).is_open(NOW)
    assert not poll(sealed_at=NOW - second).is_open(NOW)
    assert not poll(draft=True).is_open(NOW)
