"""The list of open polls."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx

from pages.listing import PAGE_SIZE
from tests.factories import make_poll, make_user
from tests.integration.pages.conftest import Browser, words

Visit = Callable[..., Awaitable[Browser]]
HOUR = timedelta(hours=1)


def titles(answer: httpx.Response) -> list[str]:
    return [unescape(title) for title in re.findall(r'<h2><a href="/polls/[^"]+">([^<]*)</a></h2>', answer.text)]


async def test_open_listed_polls_newest_first(visit: Visit) -> None:
    owner, now = make_user(), datetime.now(UTC)
    make_poll(owner=owner, title="older")
    make_poll(owner=owner, title="newer", closes_at=now + HOUR)
    for hidden in ({"listed": False}, {"draft": True}, {"opens_at": now + HOUR}, {"closes_at": now - HOUR}):
        make_poll(owner=owner, title="hidden", **hidden)
    answer = await (await visit()).get("/")
    assert titles(answer) == ["newer", "older"]
    assert "0 votes" in words(answer)


async def test_the_number_of_votes_is_shown_only_where_everyone_may_see_results(visit: Visit) -> None:
    make_poll(results="after_vote")
    assert "0 votes" not in words(await (await visit()).get("/"))


async def test_searching_finds_all_words_in_titles_and_descriptions(visit: Visit) -> None:
    owner = make_user()
    make_poll(owner=owner, title="Town LIBRARY", description="which evening?")
    make_poll(owner=owner, title="Town hall")
    browser = await visit()
    assert titles(await browser.get("/?search=library+evening")) == ["Town LIBRARY"]
    assert len(titles(await browser.get("/?search=town"))) == 2
    assert "Nothing found" in words(await browser.get("/?search=100%25"))
    assert (await browser.get("/?search=%00town")).status_code == 200


async def test_nothing_open_says_so(visit: Visit) -> None:
    assert "No poll is open just now" in words(await (await visit()).get("/"))


async def test_pages_lead_through_all_polls_once(visit: Visit) -> None:
    owner, browser = make_user(), await visit()
    for number in range(PAGE_SIZE + 3):
        make_poll(owner=owner, title=f"Poll {number}")
    first = await browser.get("/?search=poll")
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older is not None
    second = await browser.get(unescape(older[1]))
    assert titles(first) + titles(second) == [f"Poll {number}" for number in reversed(range(PAGE_SIZE + 3))]
    assert 'rel="next"' not in second.text
    assert titles(await browser.get("/?before=nonsense"))[0] == f"Poll {PAGE_SIZE + 2}"
