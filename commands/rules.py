"""Where a vote is refused for what it says: the rules of a poll, and a ballot checked against them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.errors import MOST_FAULTS, FieldError, ValidationError
from core.events import OPEN, poll_state


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRules:
    """How many and which choices a question takes. Ids are text, as they stand in a body."""

    id: str
    min_choices: int
    max_choices: int
    choices: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRules:
    """What votes of a poll are judged by, as of `version`. Times are aware and in UTC."""

    id: UUID
    voters: str
    changeable: bool
    draft: bool
    opens_at: datetime | None
    closes_at: datetime | None
    sealed_at: datetime | None
    salt: bytes
    version: int
    owner_id: UUID
    questions: Mapping[str, QuestionRules]

    def is_open(self, now: datetime) -> bool:
        return poll_state(draft=self.draft, opens_at=self.opens_at, closes_at=self.closes_at, sealed_at=self.sealed_at, now=now) == OPEN


def check_ballot(rules: PollRules, body: Mapping[str, Any]) -> tuple[str, ...]:
    """The chosen choice ids, questions in the poll's order, the voter's order kept within each; empty for a blank ballot.

    Raises `ValidationError` with a pointer for every fault, up to a hundred.
    """
    answers = body.get("answers")
    if not isinstance(answers, list):
        fault = "required" if "answers" not in body else "not-a-list"
        raise ValidationError.at("#/answers", "`answers` must be a list with an object for each question answered.", fault)
    chosen: dict[str, list[str]] = {}
    faults: list[FieldError] = []
    if not isinstance(body.get("code", ""), str):
        faults.append(FieldError("#/code", "A code is text.", "not-a-text"))
    for index, answer in enumerate(answers):
        found = _check_answer(rules, answer, f"#/answers/{index}", chosen)
        if isinstance(found, FieldError):
            faults.append(found)
            if len(faults) == MOST_FAULTS:
                break
    if not faults:
        faults.extend(
            FieldError("#/answers", f"Question {question.id} needs at least {question.min_choices} of its choices.", "too-few-choices")
            for question in rules.questions.values()
            if question.min_choices > 0 and question.id not in chosen
        )
    if faults:
        raise ValidationError(faults[0].detail, errors=tuple(faults))
    return tuple(choice for question in rules.questions for choice in chosen.get(question, ()))


def _check_answer(rules: PollRules, answer: object, pointer: str, chosen: dict[str, list[str]]) -> FieldError | None:
    """Puts a good answer into `chosen`; what is wrong with a bad one comes back."""
    if not isinstance(answer, dict):
        return FieldError(pointer, "An answer must be an object with `question` and `choices`.", "not-an-object")
    question_id, choices = answer.get("question"), answer.get("choices")
    question = rules.questions.get(question_id) if isinstance(question_id, str) else None
    if question is None:
        return FieldError(f"{pointer}/question", "This poll has no such question.", "unknown-question" if "question" in answer else "required")
    if question.id in chosen:
        return FieldError(f"{pointer}/question", "This question is answered twice.", "repeated-question")
    if type(choices) is list and len(choices) == 1 and type(choices[0]) is str and choices[0] in question.choices and question.min_choices <= 1:
        chosen[question.id] = choices  # the common answer, without looking at it five times
        return None
    at = f"{pointer}/choices"
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        return FieldError(at, "`choices` must be a list of choice ids.", "not-a-list" if "choices" in answer else "required")
    if any(choice not in question.choices for choice in choices):
        return FieldError(at, "This question has no such choice.", "unknown-choice")
    if len(set(choices)) != len(choices):
        return FieldError(at, "A choice stands here twice.", "repeated-choice")
    if len(choices) < question.min_choices:
        return FieldError(at, f"At least {question.min_choices} must be chosen.", "too-few-choices")
    if len(choices) > question.max_choices:
        return FieldError(at, f"At most {question.max_choices} may be chosen.", "too-many-choices")
    chosen[question.id] = choices
    return None
