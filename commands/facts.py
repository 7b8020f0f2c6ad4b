"""A poll's facts, read from the write side for everybody else."""

from __future__ import annotations

from commands.models import Poll
from core.events import Barrier, ChoiceFacts, PollFacts, QuestionFacts


def facts_of(poll: Poll) -> PollFacts:
    """Everything others may know of the poll: its row as given, its questions and choices as they stand (two queries)."""
    questions = poll.questions.prefetch_related("choices").order_by("position")
    return PollFacts(
        id=poll.pk,
        slug=poll.slug,
        title=poll.title,
        description=poll.description,
        owner_id=poll.owner_id,
        owner_username=poll.owner.username,
        voters=poll.voters,
        results=poll.results,
        changeable=poll.changeable,
        listed=poll.listed,
        draft=poll.draft,
        created_at=poll.created_at,
        opens_at=poll.opens_at,
        closes_at=poll.closes_at,
        sealed_at=poll.sealed_at,
        barrier=None if poll.barrier_epoch is None or poll.barrier_xid is None else Barrier(epoch=poll.barrier_epoch, xid=poll.barrier_xid),
        questions=tuple(
            QuestionFacts(
                id=question.pk,
                text=question.text,
                kind=question.kind,
                min_choices=question.min_choices,
                max_choices=question.max_choices,
                choices=tuple(ChoiceFacts(id=choice.pk, text=choice.text) for choice in question.choices.all()),
            )
            for question in questions
        ),
    )
