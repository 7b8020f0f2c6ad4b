"""Voting with a plain form: what is taken, what is refused, and how a person is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commands.engine import stop_engine
from commands.models import Vote
from core.accounts.models import User
from tests.factories import make_poll, make_user
from tests.integration.pages.conftest import Browser, words

Visit = Callable[..., Awaitable[Browser]]
HOUR = timedelta(hours=1)


def votes() -> int:
    return Vote.objects.count()


async def test_a_plain_form_post_casts_a_vote_and_leads_to_the_results(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    answer = await browser.vote(poll, 1)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"/polls/{poll.slug}/results?after=")
    assert votes() == 1
    results = await browser.get(answer.headers["Location"])
    assert results.status_code == 200
    assert "Thank you!" in words(results)


async def test_the_voter_cookie_is_the_browsers_own_and_lasts(visit: Visit) -> None:
    answer = await (await visit()).vote(make_poll(), 0)
    cookie = next(value for value in answer.headers.get_list("Set-Cookie") if value.startswith("nexus_voter="))
    attributes = {part.strip().partition("=")[0].lower(): part.strip().partition("=")[2] for part in cookie.split(";")[1:]}
    assert {"httponly", "path", "samesite", "max-age"} <= attributes.keys()
    assert (attributes["path"], attributes["samesite"]) == ("/", "Lax")
    assert int(attributes["max-age"]) > 300 * 24 * 3600
    assert "secure" not in attributes


@pytest.mark.parametrize("known_to_be_https", [True, False])
async def test_over_https_the_cookie_is_secure(visit: Visit, settings: Any, known_to_be_https: bool) -> None:
    settings.HTTPS = known_to_be_https
    browser = await visit()
    browser.client.base_url = "https://testserver"
    answer = await browser.vote(make_poll(), 0)
    assert any("nexus_voter=" in value and "; Secure" in value for value in answer.headers.get_list("Set-Cookie"))


async def test_a_double_click_without_a_cookie_yet_is_one_vote(visit: Visit) -> None:
    form = await (await visit()).open(make_poll())
    answers = await asyncio.gather(*(form.send(0) for _ in range(5)))  # all leave before the first answer and its cookie
    assert [answer.status_code for answer in answers] == [303] * 5
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert votes() == 1


async def test_the_same_page_with_other_answers_says_that_the_first_counts(visit: Visit) -> None:
    form = await (await visit()).open(make_poll())
    await form.send(0)
    answer = await form.send(1)
    assert answer.status_code == 422
    assert "That first one counts" in words(answer)
    assert votes() == 1


async def test_who_has_voted_is_told_and_led_to_the_results(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    second_tab = await browser.open(poll)
    await browser.vote(poll, 0)
    page = await browser.get(f"/polls/{poll.slug}")
    assert "You have voted" in words(page)
    assert f'href="/polls/{poll.slug}/results"' in page.text
    assert "<form" not in page.text
    answer = await second_tab.send(1)
    assert answer.status_code == 409
    assert "already voted" in words(answer)


async def test_every_ballot_carries_a_key_of_its_own_in_a_page_that_nobody_keeps(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    assert (await browser.open(poll)).key != (await browser.open(poll)).key
    assert "no-store" in (await browser.get(f"/polls/{poll.slug}")).headers["Cache-Control"]


async def test_too_few_and_too_many_are_said_next_to_the_question_and_nothing_is_lost(visit: Visit) -> None:
    poll = make_poll(questions=[{"choices": 3}, {"kind": "multiple", "choices": 5, "min_choices": 2, "max_choices": 3}])
    form = await (await visit()).open(poll)
    few = await form.send(0, 3)
    assert few.status_code == 400
    assert "Please pick 1 more." in words(few)
    assert few.text.count(" checked") == 2
    assert form.key in few.text
    many = await form.send(0, 3, 4, 5, 6)
    assert many.status_code == 400
    assert "1 too many: 3 at most" in words(many)
    assert votes() == 0
    assert (await form.send(0, 3, 4)).status_code == 303


async def test_a_choice_from_elsewhere_is_refused_kindly(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    form = await browser.open(poll)
    form.controls[0] = (form.controls[0][0], "<script>")
    answer = await form.send(0)
    assert answer.status_code == 400
    assert "has changed" in words(answer)
    assert "<script>" not in answer.text


async def test_without_the_csrf_token_nothing_is_cast(visit: Visit) -> None:
    form = await (await visit()).open(make_poll())
    form.token = "x" * 64
    answer = await form.send(0)
    assert answer.status_code == 403
    assert "try that again" in words(answer)
    assert votes() == 0


@pytest.mark.parametrize(
    ("times", "said"),
    [({"opens_at": HOUR}, "Not open yet"), ({"opens_at": -2 * HOUR, "closes_at": -HOUR}, "This poll has closed")],
)
async def test_a_poll_that_is_not_open_says_so(visit: Visit, times: dict[str, timedelta], said: str) -> None:
    fields: dict[str, Any] = {name: datetime.now(UTC) + offset for name, offset in times.items()}
    poll = make_poll(**fields)
    browser = await visit()
    form = await browser.open(make_poll())  # for a token
    page = await browser.get(f"/polls/{poll.slug}")
    assert page.status_code == 200
    assert said in words(page)
    assert "<form" not in page.text
    form.poll = poll
    answer = await form.send()
    assert answer.status_code == 409
    assert said in words(answer)


async def test_too_many_votes_from_one_address_have_to_wait(visit: Visit, limit_votes: Callable[[str], None]) -> None:
    limit_votes("1/hour")
    first, second = await visit(), await visit()
    poll = make_poll()
    assert (await first.vote(poll, 0)).status_code == 303
    answer = await second.vote(poll, 1)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Please wait" in words(answer)
    assert answer.text.count(" checked") == 1


async def test_a_vote_that_cannot_be_made_durable_may_be_sent_again_with_the_same_key(visit: Visit) -> None:
    form = await (await visit()).open(make_poll())
    await stop_engine()
    answer = await form.send(1)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert form.key in answer.text
    assert "it is one vote" in words(answer)


async def test_account_polls_ask_for_an_account(visit: Visit) -> None:
    poll = make_poll(voters="account")
    page = await (await visit()).get(f"/polls/{poll.slug}")
    assert "sign in" in words(page)
    assert "<form" not in page.text
    member = await visit(make_user())
    assert (await member.vote(poll, 0)).status_code == 303
    assert "You have voted" in words(await member.get(f"/polls/{poll.slug}"))


async def test_a_draft_exists_for_its_owner_and_staff_only(visit: Visit) -> None:
    owner: User = make_user()
    poll = make_poll(owner=owner, draft=True)
    for path in (f"/polls/{poll.slug}", f"/polls/{poll.slug}/results"):
        for stranger in (await visit(), await visit(make_user())):
            assert (await stranger.get(path)).status_code == 404
        for friend in (await visit(owner), await visit(make_user(is_staff=True))):
            assert (await friend.get(path)).status_code == 200
    assert "This is a draft" in words(await (await visit(owner)).get(f"/polls/{poll.slug}"))


async def test_open_polls_take_any_number_of_votes(visit: Visit) -> None:
    poll, browser = make_poll(voters="open"), await visit()
    assert [(await browser.vote(poll, 0)).status_code for _ in range(3)] == [303] * 3
    assert votes() == 3


async def test_a_very_long_ballot_fits_into_the_form(visit: Visit) -> None:
    poll = make_poll(questions=[{"kind": "multiple", "choices": 100, "max_choices": 100}] * 12)
    assert (await (await visit()).vote(poll, *range(1200))).status_code == 303
