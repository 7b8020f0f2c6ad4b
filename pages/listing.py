"""The open polls, newest first, in pages: which ones, with how many votes, and where the next page begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from core.events import poll_state
from core.times import rfc3339
from projections.models import PollCard
from projections.standings import standing_ballots

PAGE_SIZE = 20


class Place(NamedTuple):
    """Where in the list a page begins: after the poll made at this moment with this id."""

    created_at: datetime
    poll_id: UUID

    def __str__(self) -> str:
        return f"{rfc3339(self.created_at)}~{self.poll_id}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """The place that `str` wrote; None for anything else, which then means the beginning."""
        moment, _, poll_id = text.partition("~")
        try:
            place = cls(datetime.fromisoformat(moment), UUID(poll_id))
        except ValueError:
            return None
        return place if place.created_at.tzinfo is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A poll in the list. `ballots` is None where not everybody may see results now."""

    url: str
    title: str
    description: str
    state: str
    closes_at: datetime | None
    ballots: int | None


@dataclass(frozen=True, slots=True)
class OpenPolls:
    entries: Sequence[Entry]
    older: Place | None


def open_polls(*, now: datetime, search: str, after: Place | None) -> OpenPolls:
    """One page of the listed polls that take votes at `now`, newest first; `search` is sought in titles and descriptions, without regard to case."""
    is_open = Q(draft=False, sealed_at=None) & (Q(opens_at=None) | Q(opens_at__lte=now)) & (Q(closes_at=None) | Q(closes_at__gt=now))
    cards = PollCard.objects.using("results").filter(is_open, listed=True)
    for word in search.split():
        cards = cards.filter(Q(title__icontains=word) | Q(description__icontains=word))
    if after is not None:  # the second condition says nothing new, but lets PostgreSQL begin in the index where the page does
        cards = cards.filter(Q(created_at__lt=after.created_at) | Q(poll_id__gt=after.poll_id), created_at__lte=after.created_at)
    found = list(cards.annotate(ballots=standing_ballots()).order_by("-created_at", "poll_id")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return OpenPolls([_entry(card, now) for card in shown], Place(last.created_at, last.poll_id) if last else None)


def _entry(card: PollCard, now: datetime) -> Entry:
    return Entry(
        url=reverse("vote", args=[card.slug]),
        title=card.title,
        description=card.description,
        state=poll_state(draft=card.draft, opens_at=card.opens_at, closes_at=card.closes_at, sealed_at=card.sealed_at, now=now),
        closes_at=card.closes_at,
        ballots=getattr(card, "ballots", 0) if card.results == "always" else None,
    )
