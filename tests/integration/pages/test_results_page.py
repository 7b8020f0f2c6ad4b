"""The results page: bars without JavaScript, and who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.factories import make_poll, make_user
from tests.integration.pages.conftest import Browser, words

Visit = Callable[..., Awaitable[Browser]]


async def test_bars_are_drawn_by_the_server_and_renewed_without_javascript(visit: Visit) -> None:
    poll = make_poll()
    answer = await (await visit()).get(f"/polls/{poll.slug}/results")
    assert answer.status_code == 200
    assert answer.text.count('<rect class="fill"') == 2
    assert '<noscript><meta http-equiv="refresh"' in answer.text
    assert "Choice 0 0.0 % 0" in words(answer)


async def test_the_page_knows_the_etag_that_the_api_would_send(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    page = await browser.get(f"/polls/{poll.slug}/results")
    api = await browser.get(f"/api/v1/polls/{poll.id}/results")
    assert f'data-etag="{api.headers["ETag"].replace(chr(34), "&quot;")}"' in page.text
    assert f'data-live="/api/v1/polls/{poll.id}/results"' in page.text


async def test_a_position_of_another_poll_or_nonsense_is_passed_over(visit: Visit) -> None:
    poll, other, browser = make_poll(), make_poll(), await visit()
    elsewhere = (await browser.vote(other, 0)).headers["Location"].partition("after=")[2]
    for token in (elsewhere, "nonsense", "%00", ""):
        answer = await browser.get(f"/polls/{poll.slug}/results?after={token}")
        assert answer.status_code == 200
        assert "Thank you" not in words(answer)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("after_vote", "First your vote"), ("after_close", "Still a secret"), ("owner", "For the organiser only")],
)
async def test_results_that_are_not_for_everybody_say_kindly_why(visit: Visit, rule: str, said: str) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results=rule)
    answer = await (await visit()).get(f"/polls/{poll.slug}/results")
    assert answer.status_code == 403
    assert said in words(answer)
    assert "Choice 0" not in answer.text
    assert (await (await visit(owner)).get(f"/polls/{poll.slug}/results")).status_code == 200


async def test_after_voting_the_results_are_shown_to_the_voter_and_to_nobody_else(visit: Visit) -> None:
    poll, voter = make_poll(results="after_vote"), await visit()
    answer = await voter.vote(poll, 0)
    assert (await voter.get(answer.headers["Location"])).status_code == 200
    assert (await (await visit()).get(answer.headers["Location"])).status_code == 403


async def test_the_order_may_be_by_votes(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    assert 'data-order="votes"' in (await browser.get(f"/polls/{poll.slug}/results?order=votes")).text
    assert 'data-order="poll"' in (await browser.get(f"/polls/{poll.slug}/results?order=sideways")).text
