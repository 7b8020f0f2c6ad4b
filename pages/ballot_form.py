"""The ballot as a form: questions as fields, a sent form as the body of a vote, refusals back at their questions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from core.errors import ValidationError

NO_ANSWER = ""
_KEY = re.compile(r"[A-Za-z0-9_-]{22,100}")
_POINTER = re.compile(r"#/answers/(\d+)(?:/|$)")

Questions = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    id: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionField:
    """One question. `control` is the type of its inputs; `problem` is what was wrong with the answer, if anything."""

    name: str
    text: str
    control: str
    hint: str
    problem: str
    required: bool
    max_choices: int
    choices: tuple[ChoiceField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotForm:
    """`key` is the idempotency key that makes a double click or a resubmit the same vote.

    `asks_code`: the voter types a code, which is never filled in for them: no page says it and no link carries it.
    """

    key: str
    asks_code: bool
    questions: tuple[QuestionField, ...]


def new_key() -> str:
    """A fresh idempotency key of 32 characters; whoever holds it can act as this voter in this poll, so only in pages that no cache keeps."""
    return secrets.token_urlsafe(24)


def sent_key(value: str | None) -> str:
    """The key that came back with a form, or a fresh one in place of what never was one of ours."""
    return value if value is not None and _KEY.fullmatch(value) else new_key()


def read_body(questions: Questions, chosen: Callable[[str], list[str]]) -> dict[str, Any]:
    """The body of the vote: every question in the poll's order, so that a pointer's index is the question's. `chosen` gives the values sent by field name.

    The code goes with it where one was typed; of several the last one.
    """
    code: dict[str, Any] = {"code": typed[-1]} if (typed := chosen("code")) else {}
    answers = [{"question": question["id"], "choices": [value for value in chosen(_name(question)) if value != NO_ANSWER]} for question in questions]
    return code | {"answers": answers}


def ballot_form(
    questions: Questions, *, key: str, asks_code: bool = False, body: Mapping[str, Any] | None = None, error: ValidationError | None = None
) -> BallotForm:
    """The form, blank or as `body` filled it, with what `error` says next to the questions it points to."""
    answers = [set(answer["choices"]) for answer in body["answers"]] if body else [set() for _ in questions]
    faulty = _faulty(error) if error else {}
    return BallotForm(
        key=key,
        asks_code=asks_code,
        questions=tuple(_field(question, answers[index], faulty.get(index)) for index, question in enumerate(questions)),
    )


def _name(question: Mapping[str, Any]) -> str:
    return f"q-{question['id']}"


def _field(question: Mapping[str, Any], chosen: set[str], fault: str | None) -> QuestionField:
    single = question["kind"] == "single"
    optional = question["min_choices"] == 0
    choices = [ChoiceField(id=choice["id"], text=choice["text"], chosen=choice["id"] in chosen) for choice in question["choices"]]
    if single and optional:  # a chosen radio button cannot be taken back otherwise
        choices.append(ChoiceField(id=NO_ANSWER, text=gettext("I would rather not say"), chosen=False))
    return QuestionField(
        name=_name(question),
        text=question["text"],
        control="radio" if single else "checkbox",
        hint=_hint(question),
        problem=_problem(question, len(chosen), fault) if fault else "",
        required=single and not optional,
        max_choices=question["max_choices"],
        choices=tuple(choices),
    )


def _hint(question: Mapping[str, Any]) -> str:
    least, most, all_of_them = question["min_choices"], question["max_choices"], len(question["choices"])
    if question["kind"] == "single":
        return "" if least else gettext("You may leave this one out.")
    if least == most:
        return gettext("Choose exactly %(n)d.") % {"n": most}
    if least == 0:
        return gettext("Choose as many as you like, or none.") if most >= all_of_them else gettext("Choose up to %(n)d, or none.") % {"n": most}
    if most >= all_of_them:
        return gettext("Choose at least %(n)d.") % {"n": least}
    return gettext("Choose %(least)d to %(most)d.") % {"least": least, "most": most}


def _problem(question: Mapping[str, Any], chosen: int, code: str) -> str:
    """A kind sentence for a fault; the count decides, because the code only says that something was wrong with it."""
    least, most = question["min_choices"], question["max_choices"]
    if code in {"too-few-choices", "required"}:
        if question["kind"] == "single":
            return gettext("Please pick one.")
        return gettext("Please pick %(n)d more.") % {"n": least - chosen} if chosen else gettext("Please pick at least %(n)d.") % {"n": least}
    if code == "too-many-choices":
        return gettext("That is %(over)d too many: %(most)d at most.") % {"over": chosen - most, "most": most}
    return gettext("This question has changed since you opened the page. Please answer it again.")


def _faulty(error: ValidationError) -> dict[int, str]:
    """The first fault's code by the index of its question."""
    found: dict[int, str] = {}
    for fault in error.errors:
        match = _POINTER.match(fault.pointer)
        if match:
            found.setdefault(int(match[1]), fault.code)
    return found
