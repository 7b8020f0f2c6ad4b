"""Results as a page shows them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from pages.listing import Place
from pages.presenting import BY_VOTES, POLL_ORDER, results_view
from projections.document import ChoiceResult, QuestionResult, ResultsDocument

NOW = datetime(2030, 1, 1, 12, 0, 0, 5, tzinfo=UTC)


def document(*votes: int, ballots: int | None = None) -> ResultsDocument:
    choices = tuple(ChoiceResult(id=uuid.uuid4(), text=f"Choice {index}", votes=count) for index, count in enumerate(votes))
    ballots = sum(votes) if ballots is None else ballots
    question = QuestionResult(id=uuid.uuid4(), text="Which?", ballots=ballots, choices=choices)
    return ResultsDocument(
        poll_id=uuid.uuid4(), epoch=1, version=1, as_of=NOW, final=False, ballots=ballots, title="T", slug="t", owner_id=uuid.uuid4(), voters="session",
        results="always", draft=False, opens_at=None, closes_at=None, sealed_at=None, questions=(question,),
    )  # fmt: skip


def bars(*votes: int, order: str = POLL_ORDER, ballots: int | None = None) -> list[tuple[str, str, bool]]:
    view = results_view(document(*votes, ballots=ballots), state="open", order=order)
    return [(bar.text[-1], bar.percent, bar.leading) for bar in view.questions[0].choices]


def test_percentages_have_one_decimal_and_the_leader_is_marked() -> None:
    assert bars(1, 2) == [("0", "33.3", False), ("1", "66.7", True)]


def test_a_poll_without_votes_has_no_leader() -> None:
    assert bars(0, 0) == [("0", "0.0", False), ("1", "0.0", False)]


def test_equals_lead_together() -> None:
    assert [leading for _, _, leading in bars(2, 1, 2)] == [True, False, True]


def test_shares_are_of_ballots_so_that_several_choices_may_sum_to_more() -> None:
    assert [percent for _, percent, _ in bars(3, 2, ballots=4)] == ["75.0", "50.0"]


def test_by_votes_puts_the_most_first_and_keeps_the_polls_order_among_equals() -> None:
    assert [name for name, _, _ in bars(1, 3, 1, 2, order=BY_VOTES)] == ["1", "3", "0", "2"]


def test_a_place_in_the_list_survives_its_journey_through_a_url() -> None:
    place = Place(NOW, uuid.uuid4())
    assert Place.parse(str(place)) == place
    for foreign in ("", "~", "yesterday~x", str(place)[:-1], f"2030-01-01T00:00:00~{uuid.uuid4()}"):
        assert Place.parse(foreign) is None
