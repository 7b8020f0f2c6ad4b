"""Follows what becomes of polls' owners: their name stands on the cards."""

from __future__ import annotations

from core.events import AccountClosed
from projections.models import PollCard


def rename_owner(event: AccountClosed) -> None:
    """Puts the account's new name on its polls' cards, in the publisher's transaction; cards are locked in order."""
    cards = PollCard.objects.filter(owner_id=event.user_id)
    held = [card.poll_id for card in cards.select_for_update().order_by("poll_id").only("poll_id")]
    PollCard.objects.filter(poll_id__in=held).update(owner_username=event.username)
