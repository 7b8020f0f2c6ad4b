"""Casting a vote: the poll's rules, remembered for a second, and the one transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from rest_framework.exceptions import APIException, NotFound, ValidationError

from bench.peers.drf.polls.models import Choice, Poll, Vote

RULES_SECONDS = 1


class DuplicateVote(APIException):
    status_code = 409
    default_detail = "You have voted in this poll."
    default_code = "duplicate-vote"


class PollNotOpen(APIException):
    status_code = 409
    default_detail = "This poll is not open."
    default_code = "poll-not-open"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a vote is judged by. `choices`: which question each choice belongs to."""

    voters: str
    closes_at: datetime | None
    choices: dict[uuid.UUID, uuid.UUID]


def rules_of(poll_id: uuid.UUID) -> Rules:
    """Raises `NotFound` for an unknown poll."""
    key = f"rules:{poll_id}"
    rules: Rules | None = cache.get(key)
    if rules is None:
        poll = Poll.objects.filter(pk=poll_id).first()
        if poll is None:
            raise NotFound
        rules = Rules(poll.voters, poll.closes_at, dict(Choice.objects.filter(question__poll=poll).values_list("id", "question_id")))
        cache.set(key, rules, RULES_SECONDS)
    return rules


def cast_vote(*, poll_id: uuid.UUID, rules: Rules, voter: uuid.UUID, question: uuid.UUID, choice: uuid.UUID) -> Vote:
    """One vote, durable when this returns. Raises `PollNotOpen`, `ValidationError` for a choice of another question or poll, `DuplicateVote`."""
    if rules.closes_at is not None and rules.closes_at <= timezone.now():
        raise PollNotOpen
    if rules.choices.get(choice) != question:
        raise ValidationError({"answers": "There is no such choice in this question."}, code="unknown-choice")
    try:
        with transaction.atomic(savepoint=False):
            vote = Vote.objects.create(poll_id=poll_id, choice_id=choice, voter=voter)
            Choice.objects.filter(pk=choice).update(votes=F("votes") + 1)  # last, so that the hot row is locked as briefly as can be
    except IntegrityError as error:
        raise DuplicateVote from error
    return vote
