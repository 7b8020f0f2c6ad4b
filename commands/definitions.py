"""Where a poll is refused for what it says: a poll's definition, checked and typed. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands.body_fields import FieldReader
from core.errors import FieldError, ValidationError

TITLE_LIMIT = CHOICE_LIMIT = QUESTION_LIMIT = 200
DESCRIPTION_LIMIT = 5_000
QUESTIONS = (1, 50)
CHOICES = (2, 100)
SINGLE, MULTIPLE = "single", "multiple"
VOTERS = ("session", "account", "ip", "code", "open")
RESULTS = ("always", "after_vote", "after_close", "owner")

FIELDS = frozenset({"title", "description", "opens_at", "closes_at", "draft", "listed", "voters", "results", "changeable", "questions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDefinition:
    text: str
    kind: str
    min_choices: int
    max_choices: int
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollDefinition:
    """What an owner decides about a poll. Times are aware and in UTC."""

    title: str
    description: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    draft: bool = False
    listed: bool = True
    voters: str = "session"
    results: str = "always"
    changeable: bool = False
    questions: tuple[QuestionDefinition, ...] = ()


_DEFAULTS = PollDefinition(title="")


def check_definition(body: Mapping[str, Any], *, now: datetime) -> PollDefinition:
    """The poll that `body` defines; fields it does not know are left alone.

    Raises `ValidationError` with a pointer for every fault.
    """
    return _check(body, _DEFAULTS, title=None, questions=None, now=now)


def check_edit(body: Mapping[str, Any], present: PollDefinition, *, now: datetime) -> PollDefinition:
    """The poll that `present` becomes when the fields in `body` replace its own; raises as `check_definition`."""
    return _check(body, present, title=present.title, questions=present.questions, now=now)


def _check(
    body: Mapping[str, Any], base: PollDefinition, *, title: str | None, questions: tuple[QuestionDefinition, ...] | None, now: datetime
) -> PollDefinition:
    faults: list[FieldError] = []
    read = FieldReader(body, faults)
    definition = PollDefinition(
        title=read.line("title", title, longest=TITLE_LIMIT),
        description=read.text("description", base.description, longest=DESCRIPTION_LIMIT),
        opens_at=read.moment("opens_at", base.opens_at),
        closes_at=read.moment("closes_at", base.closes_at),
        draft=read.flag("draft", base.draft),
        listed=read.flag("listed", base.listed),
        voters=read.one_of("voters", base.voters, known=VOTERS),
        results=read.one_of("results", base.results, known=RESULTS),
        changeable=read.flag("changeable", base.changeable),
        questions=questions if questions is not None and "questions" not in body else _questions(read),
    )
    _check_times(read, definition, now)
    if faults:
        raise ValidationError(faults[0].detail if len(faults) == 1 else f"{len(faults)} things in the body are not as they should be.", errors=tuple(faults))
    return definition


def _check_times(read: FieldReader, definition: PollDefinition, now: datetime) -> None:
    opens_at, closes_at = definition.opens_at, definition.closes_at
    if closes_at is None:
        return
    if "closes_at" in read.body and closes_at <= now:
        read.fault("closes_at", "The poll would close in the past.", "in-the-past")
    elif opens_at is not None and opens_at >= closes_at and not read.body.keys().isdisjoint({"opens_at", "closes_at"}):
        read.fault("opens_at" if "opens_at" in read.body else "closes_at", "The poll must open before it closes.", "not-before-closing")


def _questions(read: FieldReader) -> tuple[QuestionDefinition, ...]:
    return tuple(_question(reader) for reader in read.objects("questions", least=QUESTIONS[0], most=QUESTIONS[1]))


def _question(read: FieldReader) -> QuestionDefinition:
    before = len(read.faults)
    readers = read.objects("choices", least=CHOICES[0], most=CHOICES[1])
    choices_are_counted = len(read.faults) == before
    question = QuestionDefinition(
        text=read.line("text", None, longest=QUESTION_LIMIT),
        kind=read.one_of("kind", SINGLE, known=(SINGLE, MULTIPLE)),
        min_choices=read.number("min_choices", 1, least=0, most=CHOICES[1]),
        max_choices=read.number("max_choices", 1, least=1, most=CHOICES[1]),
        choices=tuple(reader.line("text", None, longest=CHOICE_LIMIT) for reader in readers),
    )
    _check_repeats(readers, question.choices)
    if question.kind == SINGLE and question.max_choices != 1:
        read.fault("max_choices", "A question of kind `single` takes one choice at most.", "single-takes-one")
    if question.min_choices > question.max_choices:
        read.fault("min_choices", "This may not be more than `max_choices`.", "min-above-max")
    if choices_are_counted and question.min_choices > len(readers):  # a `max_choices` above them is generous, and harms nobody
        read.fault("min_choices", "This may not be more than there are choices.", "more-than-choices")
    return question


def _check_repeats(readers: list[FieldReader], texts: tuple[str, ...]) -> None:
    """Two choices are the same when they look the same: white space around them and the way accents are encoded do not count, case does."""
    seen: set[str] = set()
    for reader, text in zip(readers, texts, strict=True):
        looks = unicodedata.normalize("NFC", text)
        if looks in seen and text:
            reader.fault("text", "This choice stands here already.", "repeated")
        seen.add(looks)
