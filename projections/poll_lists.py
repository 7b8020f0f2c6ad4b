"""Finds polls for readers, from the cards alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from core.accounts.models import User
from core.errors import NotFound
from core.events import CLOSED, DRAFT, OPEN, SCHEDULED, PollFacts
from projections.cards import facts_on
from projections.list_cursors import ListCursor
from projections.models import PollCard
from projections.selectors import poll_card


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPage:
    """Some polls, newest first, and where the pages around them begin."""

    polls: Sequence[PollFacts]
    next: ListCursor | None
    previous: ListCursor | None


def find_poll(*, poll_id: UUID, reader: User | None) -> PollFacts:
    """The poll; raises `NotFound` where there is none, and for a draft to all but its owner and staff."""
    card = poll_card(poll_id=poll_id)
    if card is None or (card.draft and (reader is None or not (reader.is_staff or reader.pk == card.owner_id))):
        raise NotFound("There is no such poll.")
    return facts_on(card)


def list_polls(*, owner: User | None, state: str | None, search: str, now: datetime, cursor: ListCursor | None, page_size: int) -> PollPage:
    """A page of the polls everybody may know of, or with `owner` of all of that user's; `search` in titles and descriptions."""
    cards = PollCard.objects.using("results")
    cards = cards.filter(owner_id=owner.pk) if owner is not None else cards.filter(listed=True, draft=False)
    if state is not None:
        cards = cards.filter(in_state(state, now))
    if search:
        cards = cards.filter(Q(title__icontains=search) | Q(description__icontains=search))
    return _page(cards, cursor, page_size)


def in_state(state: str, now: datetime) -> Q:
    """What is so of polls in this state at `now`; cards and the write side's rows name these columns alike."""
    over = Q(sealed_at__isnull=False) | Q(closes_at__lte=now)
    ahead = Q(opens_at__gt=now)
    published = Q(draft=False)
    return {DRAFT: Q(draft=True), CLOSED: published & over, SCHEDULED: published & ~over & ahead, OPEN: published & ~over & ~ahead}[state]


def _page(cards: QuerySet[PollCard], cursor: ListCursor | None, page_size: int) -> PollPage:
    backward = cursor is not None and cursor.backward
    if cursor is not None:
        at, poll_id = cursor.created_at, cursor.poll_id
        if backward:  # the first condition says nothing new, but lets PostgreSQL begin in the index where the page does
            cards = cards.filter(Q(created_at__gt=at) | Q(poll_id__lt=poll_id), created_at__gte=at)
        else:
            cards = cards.filter(Q(created_at__lt=at) | Q(poll_id__gt=poll_id), created_at__lte=at)
    order = ("created_at", "-poll_id") if backward else ("-created_at", "poll_id")
    found = list(cards.order_by(*order)[: page_size + 1])
    more, found = len(found) > page_size, found[:page_size]
    if backward:
        found.reverse()
    has_previous, has_next = (more, True) if backward else (cursor is not None, more)
    first, last = (_place(found[0]), _place(found[-1])) if found else (cursor, cursor)
    return PollPage(
        polls=[facts_on(card) for card in found],
        next=ListCursor(last.created_at, last.poll_id) if has_next and last is not None else None,
        previous=ListCursor(first.created_at, first.poll_id, backward=True) if has_previous and first is not None else None,
    )


def _place(card: PollCard) -> ListCursor:
    return ListCursor(card.created_at, card.poll_id)
