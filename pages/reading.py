"""What pages read of a poll: its card and its results, from the read side only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asgiref.sync import sync_to_async

from core.errors import BadRequest, NotFound
from core.events import poll_state
from core.positions import Position, open_position
from pages.asking import Visitor
from projections.document import ResultsDocument
from projections.models import PollCard
from projections.readers import readers
from projections.selectors import poll_card_by_slug


def state_of(card: PollCard, now: datetime) -> str:
    return poll_state(draft=card.draft, opens_at=card.opens_at, closes_at=card.closes_at, sealed_at=card.sealed_at, now=now)


async def visible_card(slug: str, visitor: Visitor) -> PollCard:
    """The poll's card. Raises `NotFound` when there is none, or it is a draft of somebody else."""
    card = await sync_to_async(poll_card_by_slug)(slug=slug)
    if card is None or (card.draft and not visitor.owns(card.owner_id)):
        raise NotFound
    return card


async def results_of(card: PollCard, *, after: Position | None) -> tuple[ResultsDocument, bool]:
    """The poll's results, and whether the vote at `after` is in them: it is waited for, up to two seconds. Raises `NotFound` or `Unavailable`."""
    parts, key = readers(), str(card.poll_id)
    order = await parts.waiters.version_with(after) if after is not None else None
    entry = await (parts.loader.current(key) if order is None else parts.loader.at_least(key, order))
    return entry.document, order is not None and entry.document.order >= order


def own_position(token: str, poll_id: UUID) -> Position | None:
    """The position in this poll that the token seals; None for anything else: the page then waits for no vote."""
    if not token:
        return None
    try:
        position = open_position(token)
    except BadRequest:
        return None
    return position if position.poll_id == poll_id else None
