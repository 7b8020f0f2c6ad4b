"""What pages read: cards and results, as the results role."""

from __future__ import annotations

import pytest

from projections.selectors import poll_card, poll_card_by_slug, results_document
from tests.factories import make_poll, make_user

pytestmark = pytest.mark.usefixtures("committed_db")


def test_cards_are_found_by_id_and_by_slug() -> None:
    poll = make_poll(draft=True)
    for card in (poll_card(poll_id=poll.id), poll_card_by_slug(slug=poll.slug)):
        assert card is not None
        assert card.poll_id == poll.id
    assert poll_card_by_slug(slug="no-such-poll") is None


def test_results_are_read_without_a_web_process_running() -> None:
    poll = make_poll()
    document = results_document(poll_id=poll.id)
    assert document is not None
    assert (document.poll_id, document.ballots, document.version) == (poll.id, 0, 1)
    assert results_document(poll_id=make_user().id) is None
