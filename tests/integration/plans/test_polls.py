"""What is asked of polls through Django's models finds its rows by index, however many polls there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.sites import AdminSite
from django.test import RequestFactory
from django.utils import timezone

from commands.facts import facts_of
from commands.models import Poll
from core.accounts.models import User
from core.events import AccountClosed, PollDeleted
from pages.admin.polls import PollAdmin
from pages.listing import Place, open_polls
from projections.cards import keep_card
from projections.list_cursors import ListCursor
from projections.models import PollCard
from projections.owners import rename_owner
from projections.poll_lists import list_polls
from projections.selectors import is_final, poll_card, poll_card_by_slug
from tests.integration.plans.checking import check
from tests.integration.plans.explaining import Explainer
from tests.integration.plans.filling import HOT, named

PAGE = 20
NEWEST, OWN = {"poll_cards": "poll_cards_newest"}, {"poll_cards": "poll_cards_of_owner"}
BALLOTS = {"poll_tallies": "poll_tallies_pkey", "poll_projections": "poll_projections_pkey"}
OWNER, UNVOTED = named("user", 7), named("poll", 2500)


def _list(place: int | None = None, *, backward: bool = False, **wanted: Any) -> None:
    """A page of the list, or the one that begins at a poll."""
    cursor = None if place is None else ListCursor(_made_at(named("poll", place)), named("poll", place), backward=backward)
    list_polls(**{"owner": None, "state": None, "search": "", "now": timezone.now(), "cursor": cursor, "page_size": PAGE} | wanted)


def _made_at(poll_id: UUID) -> Any:
    return PollCard.objects.values_list("created_at", flat=True).get(poll_id=poll_id)


def _home(place: int | None = None) -> None:
    open_polls(now=timezone.now(), search="", after=None if place is None else Place(_made_at(named("poll", place)), named("poll", place)))


def _admin_list(**only: Any) -> None:
    request = RequestFactory().get("/")
    list(PollAdmin(Poll, AdminSite()).get_queryset(request).select_related("owner").filter(**only).order_by("-created_at", "-pk")[:PAGE])


READS: dict[str, tuple[Callable[[], object], Mapping[str, str]]] = {
    "the list": (_list, NEWEST),
    "the list further on": (lambda: _list(1000), NEWEST),
    "the list back": (lambda: _list(1000, backward=True), NEWEST),
    "closed polls": (lambda: _list(state="closed"), NEWEST),
    "one's own polls": (lambda: _list(owner=User(pk=OWNER)), OWN),
    "one's own polls further on": (lambda: _list(2006, owner=User(pk=OWNER)), OWN),
    "a poll": (lambda: poll_card(poll_id=HOT), {"poll_cards": "poll_cards_pkey"}),
    "a poll by its slug": (lambda: poll_card_by_slug(slug="poll-1"), {"poll_cards": "poll_cards_slug*"}),
    "the home page further on": (lambda: _home(1000), NEWEST | BALLOTS),
}
KEEPS: dict[str, tuple[Callable[[], object], list[Mapping[str, str]]]] = {
    "whether it is final": (lambda: is_final(HOT), [{"poll_cards": "poll_cards_pkey"}]),
    "a poll's facts": (
        lambda: facts_of(Poll.objects.select_related("owner").get(pk=HOT)),
        [{"polls": "polls_pkey", "accounts_user": "accounts_user_pkey"}, {"questions": "questions_*"}, {"choices": "choices_*"}],
    ),
    "the admin's list": (_admin_list, [{"polls": "polls_newest", "accounts_user": "accounts_user_pkey"} | BALLOTS]),
    "the admin's list of an owner": (lambda: _admin_list(owner=OWNER), [{"polls": "polls_*owner*", "accounts_user": "accounts_user_pkey"} | BALLOTS]),
    "an owner's new name": (lambda: rename_owner(AccountClosed(user_id=OWNER, username="new")), [OWN, {"poll_cards": "poll_cards_pkey"}]),
    "a deleted poll": (
        lambda: Poll.objects.get(pk=UNVOTED).delete(),
        [{"polls": "polls_pkey"}, {"questions": "questions_*"}, {"choices": "choices_*"}, {"voter_codes": "voter_codes_pkey"}, {"questions": "questions_*"},
         {"polls": "polls_pkey"}],
    ),
    "a deleted poll's tallies": (
        lambda: keep_card(PollDeleted(poll_id=UNVOTED)),
        [{}, *({table: f"{table}_pkey"} for table in ("poll_cards", "poll_projections", "tally_generations", "poll_tallies", "question_tallies",
                                                      "choice_tallies", "minute_tallies"))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_what_readers_find(name: str, explainer: Explainer) -> None:
    """Pages are read in an index's order, from where they begin; the place of a cursor is known by then."""
    act, reads = READS[name]
    (plan,) = explainer.plans_of("results", act)
    check(plan, reads, rows=PAGE + 5)


@pytest.mark.parametrize("name", KEEPS)
def test_what_the_parts_ask_and_keep(name: str, explainer: Explainer) -> None:
    act, reads = KEEPS[name]
    plans = list(explainer.plans_of("default", act))
    assert len(plans) == len(reads)
    for plan, expected in zip(plans, reads, strict=True):
        check(plan, expected, rows=PAGE + 5)
