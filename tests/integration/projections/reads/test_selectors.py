"""What pages read: cards and results, as the results role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from projections.selectors import open_listed_cards, poll_card, poll_card_by_slug, results_document
from tests.factories import make_poll, make_user

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("committed_db")


def test_cards_are_found_by_id_and_by_slug() -> None:
    poll = make_poll(draft=True)
    for card in (poll_card(poll_id=poll.id), poll_card_by_slug(slug=poll.slug)):
        assert card is not None
        assert card.poll_id == poll.id
    assert poll_card_by_slug(slug="no-such-poll") is None


def test_the_front_page_lists_open_listed_polls_newest_first() -> None:
    owner = make_user()
    older = make_poll(owner=owner, opens_at=NOW - HOUR, closes_at=NOW + HOUR)
    for hidden in ({"listed": False}, {"draft": True}, {"opens_at": NOW + HOUR}, {"closes_at": NOW - HOUR}):
        make_poll(owner=owner, **hidden)
    newer = make_poll(owner=owner)
    assert [card.poll_id for card in open_listed_cards()] == [newer.id, older.id]
    assert [card.poll_id for card in open_listed_cards(limit=1)] == [newer.id]
    assert older.id not in {card.poll_id for card in open_listed_cards(now=NOW + 2 * HOUR)}


def test_results_are_read_without_a_web_process_running() -> None:
    poll = make_poll()
    document = results_document(poll_id=poll.id)
    assert document is not None
    assert (document.poll_id, document.ballots, document.version) == (poll.id, 0, 1)
    assert results_document(poll_id=make_user().id) is None
