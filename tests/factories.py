"""Makes polls, users and request bodies for tests, straight in the tables."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from commands.facts import facts_of
from commands.models import Choice, Poll, Question
from core.accounts.models import User
from core.events import PollSaved
from core.ports import ports


def make_user(username: str | None = None, **fields: Any) -> User:
    return User.objects.create_user(username=username or f"user-{uuid.uuid4().hex[:8]}", password=fields.pop("password", "correct horse battery"), **fields)


def make_poll(*, owner: User | None = None, questions: Sequence[dict[str, Any]] = ({},), **fields: Any) -> Poll:
    """An open poll with its card. A question is `{"choices": 2, "kind": "single", "min_choices": 1, "max_choices": 1}`, all optional."""
    identity = uuid.uuid4()
    poll = Poll.objects.create(id=identity, slug=f"poll-{identity.hex[:12]}", owner=owner or make_user(), **({"title": "What shall we do?"} | fields))
    for position, wanted in enumerate(questions):
        question = Question.objects.create(
            poll=poll,
            position=position,
            text=f"Question {position}",
            kind=wanted.get("kind", "single"),
            min_choices=wanted.get("min_choices", 1),
            max_choices=wanted.get("max_choices", 1),
        )
        Choice.objects.bulk_create(Choice(question=question, position=index, text=f"Choice {index}") for index in range(wanted.get("choices", 2)))
    ports.publish(PollSaved(poll=facts_of(poll)))
    return poll


def choice_ids(poll: Poll, question: int = 0) -> list[str]:
    return [str(choice.id) for choice in poll.questions.all()[question].choices.all()]


def ballot(poll: Poll, *picks: Sequence[int]) -> dict[str, Any]:
    """A vote body: for each question the indexes of the choices picked; without picks the first choice of every question."""
    questions = list(poll.questions.all())
    wanted = picks or [[0]] * len(questions)
    return {
        "answers": [
            {"question": str(question.id), "choices": [choice_ids(poll, index)[pick] for pick in wanted[index]]}
            for index, question in enumerate(questions[: len(wanted)])
        ]
    }
