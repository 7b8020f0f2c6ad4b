"""The ballot as a form: hints, what was sent, and refusals at their questions."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldError, ValidationError
from pages.ballot_form import ballot_form, new_key, read_body, sent_key


def question(kind: str = "single", least: int = 1, most: int = 1, *, name: str = "x", choices: int = 4) -> dict[str, Any]:
    found = [{"id": f"{name}{index}", "text": f"Choice {index}"} for index in range(choices)]
    return {"id": name, "text": "Which?", "kind": kind, "min_choices": least, "max_choices": most, "choices": found}


def fault(code: str, index: int = 0) -> ValidationError:
    return ValidationError(errors=(FieldError(f"#/answers/{index}/choices", "…", code),))


def test_single_questions_are_radio_buttons_and_multiple_ones_check_boxes() -> None:
    form = ballot_form([question(), question("multiple", 1, 3)], key="k")
    assert [field.control for field in form.questions] == ["radio", "checkbox"]
    assert [field.required for field in form.questions] == [True, False]


def test_a_single_question_that_may_be_left_out_has_a_way_back() -> None:
    optional = question(least=0)
    assert ballot_form([optional], key="k").questions[0].choices[-1].id == ""
    assert read_body([optional], lambda name: [""] if name.startswith("q-") else []) == {"answers": [{"question": "x", "choices": []}]}


@pytest.mark.parametrize(
    ("least", "most", "hint"),
    [
        (2, 2, "Choose exactly 2."),
        (0, 4, "Choose as many as you like, or none."),
        (0, 2, "Choose up to 2, or none."),
        (1, 4, "Choose at least 1."),
        (1, 3, "Choose 1 to 3."),
    ],
)
def test_a_multiple_question_says_how_many(least: int, most: int, hint: str) -> None:
    assert ballot_form([question("multiple", least, most)], key="k").questions[0].hint == hint


@pytest.mark.parametrize(
    ("asked", "chosen", "code", "problem"),
    [
        (question(), [], "too-few-choices", "Please pick one."),
        (question("multiple", 2, 3), [], "too-few-choices", "Please pick at least 2."),
        (question("multiple", 3, 3), ["x0", "x1"], "too-few-choices", "Please pick 1 more."),
        (question("multiple", 1, 2), ["x0", "x1", "x2"], "too-many-choices", "That is 1 too many: 2 at most."),
        (question(), ["gone"], "unknown-choice", "This question has changed since you opened the page. Please answer it again."),
    ],
)
def test_a_fault_becomes_a_kind_sentence(asked: dict[str, Any], chosen: list[str], code: str, problem: str) -> None:
    body = read_body([asked], lambda _: chosen)
    assert ballot_form([asked], key="k", body=body, error=fault(code)).questions[0].problem == problem


def test_a_fault_stands_at_the_question_it_points_to_and_what_was_chosen_stays() -> None:
    asked = [question(name="x"), question(name="y")]
    body = read_body(asked, lambda name: ["x2"] if name == "q-x" else [])
    form = ballot_form(asked, key="k", body=body, error=fault("too-few-choices", 1))
    assert [bool(field.problem) for field in form.questions] == [False, True]
    assert [choice.id for choice in form.questions[0].choices if choice.chosen] == ["x2"]


def test_keys_are_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert min(map(len, keys)) >= 22


@pytest.mark.parametrize("foreign", [None, "", "short", "x" * 500, "spaces are not of ours at all", "ümlaut" * 5])
def test_a_key_that_is_not_of_ours_is_replaced(foreign: str | None) -> None:
    assert sent_key(foreign) != foreign
    own = new_key()
    assert sent_key(own) == own
