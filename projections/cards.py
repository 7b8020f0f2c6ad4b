"""Keeps the poll cards: what the read side knows of polls."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from redis.exceptions import RedisError

from core.events import Barrier, ChoiceFacts, PollDeleted, PollEvent, PollFacts, QuestionFacts
from core.sql import queries
from projections.feed import tell
from projections.models import PollCard
from projections.rendering import render
from projections.results_store import results_store

_SQL = queries(Path(__file__).parent, "cards.sql")
_COPIED = (
    "slug", "title", "description", "owner_id", "owner_username", "voters", "results", "changeable", "listed", "draft",
    "created_at", "opens_at", "closes_at", "sealed_at",
)  # fmt: skip
_KEPT_FRESH = (*_COPIED, "barrier_epoch", "barrier_xid", "questions")  # `final` belongs to whoever counts
_TABLES = ("poll_cards", "poll_projections", "tally_generations", "poll_tallies", "question_tallies", "choice_tallies", "minute_tallies")
logger = logging.getLogger(__name__)


def keep_card(event: PollEvent) -> None:
    """Writes or deletes the poll's card and the rows its tallies begin with, in the publisher's transaction; renders once that has committed.

    To be called with the poll held (or brand-new), so that two of them never work on one poll.
    """
    if isinstance(event, PollDeleted):
        _delete(event.poll_id)
        return
    poll = event.poll
    PollCard.objects.bulk_create([card_of(poll)], update_conflicts=True, unique_fields=["poll_id"], update_fields=_KEPT_FRESH)
    parameters: dict[str, Any] = {
        "poll_id": poll.id,
        "created_at": poll.created_at,
        "question_ids": [question.id for question in poll.questions],
        "choice_ids": [choice.id for question in poll.questions for choice in question.choices],
    }
    with connection.cursor() as cursor:
        for statement in _SQL.values():
            cursor.execute(statement, parameters)
    transaction.on_commit(partial(_show, poll.id), robust=True)  # the poll is saved, whatever becomes of its rendering


def _show(poll_id: UUID) -> None:
    tell(render([poll_id]))


def _delete(poll_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT epoch FROM log_epoch")
        (epoch,) = cursor.fetchone()
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE poll_id = %s", (poll_id,))  # noqa: S608  (our own names)
    transaction.on_commit(partial(_forget, epoch, poll_id))


def _forget(epoch: int, poll_id: UUID) -> None:
    try:
        results_store().forget(epoch, poll_id)
    except RedisError as error:
        logger.warning("the results of a deleted poll stay in Redis until they expire: %s", error)


def card_of(poll: PollFacts) -> PollCard:
    barrier = poll.barrier
    return PollCard(
        poll_id=poll.id,
        barrier_epoch=None if barrier is None else barrier.epoch,
        barrier_xid=None if barrier is None else barrier.xid,
        questions=[question.answer() for question in poll.questions],
        **{name: getattr(poll, name) for name in _COPIED},
    )


def facts_on(card: PollCard) -> PollFacts:
    """The facts that `card_of` wrote down."""
    return PollFacts(
        id=card.poll_id,
        barrier=None if card.barrier_epoch is None or card.barrier_xid is None else Barrier(epoch=card.barrier_epoch, xid=card.barrier_xid),
        questions=tuple(_question(question) for question in card.questions),
        **{name: getattr(card, name) for name in _COPIED},
    )


def _question(kept: dict[str, Any]) -> QuestionFacts:
    return QuestionFacts(
        id=UUID(kept["id"]),
        text=kept["text"],
        kind=kept["kind"],
        min_choices=kept["min_choices"],
        max_choices=kept["max_choices"],
        choices=tuple(ChoiceFacts(id=UUID(choice["id"]), text=choice["text"]) for choice in kept["choices"]),
    )
