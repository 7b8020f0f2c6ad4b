"""The page for frames on other people's sites: it votes and shows results, without JavaScript and where cookies are blocked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from commands.models import Poll
from tests.factories import make_poll, make_user
from tests.integration.pages.conftest import ORIGIN, Browser, Form, words

Visit = Callable[..., Awaitable[Browser]]


class Frame:
    """The poll in a frame; `forgetful` as on another site, where the browser neither keeps nor sends our cookies."""

    def __init__(self, browser: Browser, poll: Poll, *, forgetful: bool = True) -> None:
        self._browser, self._poll, self._forgetful = browser, poll, forgetful

    async def get(self, more: str = "") -> httpx.Response:
        self._forget()
        return await self._browser.get(f"/polls/{self._poll.slug}/embed{more}")

    async def open(self) -> Form:
        answer = await self.get()
        assert answer.status_code == 200
        return Form(self._browser, self._poll, answer.text)

    async def send(self, form: Form, *picks: int, origin: str | None = ORIGIN, **fields: str) -> httpx.Response:
        self._forget()
        data: dict[str, Any] = {"csrfmiddlewaretoken": form.token, "key": form.key} | fields
        for pick in picks:
            name, value = form.controls[pick]
            data.setdefault(name, []).append(value)
        headers = {} if origin is None else {"Origin": origin}
        return await self._browser.client.post(f"/polls/{self._poll.slug}/embed", data=data, headers=headers)

    async def vote(self, *picks: int) -> httpx.Response:
        return await self.send(await self.open(), *picks)

    def _forget(self) -> None:
        if self._forgetful:
            self._browser.client.cookies.clear()


async def test_only_this_page_may_be_framed(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    for path, framed in (("/embed", True), ("/embed/results", True), ("", False), ("/results", False)):
        answer = await browser.get(f"/polls/{poll.slug}{path}")
        assert ("frame-ancestors *" in answer.headers["Content-Security-Policy"]) is framed
        assert ("frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]) is not framed
        assert answer.headers.get("X-Frame-Options") == (None if framed else "DENY")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_links_open_outside_the_frame_and_nothing_is_inline(visit: Visit) -> None:
    poll = make_poll(title="<script>alert(1)</script>")
    answer = await Frame(await visit(), poll).get()
    assert re.findall(r'<a href="([^"]+)" target="_blank" rel="noopener"', answer.text) == [f"/polls/{poll.slug}"]
    assert "<script>" not in answer.text
    assert not re.search(r"<[^>]+\s(?:on\w+|style)=", answer.text)


async def test_a_vote_without_any_cookie_is_taken_and_shown(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    answer = await Frame(browser, poll).vote(1)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, f"/polls/{poll.slug}/embed/results")
    shown = await browser.get(answer.headers["Location"])
    assert shown.status_code == 200
    assert "Thank you!" in words(shown)
    assert "data-live" in shown.text


async def test_the_same_form_sent_twice_is_one_vote_without_cookies_too(visit: Visit) -> None:
    poll = make_poll()
    frame = Frame(await visit(), poll)
    form = await frame.open()
    first, again = await frame.send(form, 0), await frame.send(form, 0)
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["Location"] == again.headers["Location"]
    assert (await frame.send(form, 1)).status_code == 422


async def test_what_only_voters_see_is_in_the_very_answer_to_the_vote(visit: Visit) -> None:
    poll = make_poll(results="after_vote")
    frame = Frame(await visit(), poll)
    assert (await frame.get("/results")).status_code == 403
    answer = await frame.vote(0)
    assert answer.status_code == 200
    assert answer.text.count('class="fill"') == 2
    assert "data-live" not in answer.text, "nobody could ask for it again without cookies"


@pytest.mark.parametrize("results", ["after_close", "owner"])
async def test_what_nobody_sees_yet_stays_unseen_after_the_vote(visit: Visit, results: str) -> None:
    answer = await Frame(await visit(), make_poll(results=results)).vote(0)
    assert answer.status_code == 200
    assert "You have voted" in words(answer)
    assert 'class="fill"' not in answer.text


async def test_who_is_remembered_sees_results_instead_of_a_second_ballot(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    frame = Frame(browser, poll, forgetful=False)
    await frame.vote(0)
    again = await frame.get()
    assert "You have voted" in words(again)
    assert "<form" not in again.text
    assert 'class="fill"' in again.text


async def test_a_session_voter_is_told_that_the_frame_may_forget(visit: Visit) -> None:
    assert "your browser may not let us remember" in words(await Frame(await visit(), make_poll()).get())
    assert "your browser may not let us remember" not in words(await Frame(await visit(), make_poll(voters="ip")).get())


async def test_account_voters_are_sent_to_the_polls_own_page(visit: Visit) -> None:
    poll = make_poll(voters="account")
    answer = await Frame(await visit(), poll).get()
    assert "Sign in and vote on the poll" in words(answer)
    assert "<form" not in answer.text


async def test_a_faulty_form_comes_back_with_what_is_wrong(visit: Visit) -> None:
    answer = await Frame(await visit(), make_poll()).vote()
    assert answer.status_code == 400
    assert "Please pick one." in words(answer)


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_foreign_page_cannot_send_the_form(visit: Visit, origin: str) -> None:
    poll = make_poll(voters="ip")
    frame = Frame(await visit(), poll)
    form = await frame.open()
    assert (await frame.send(form, 0, origin=origin)).status_code == 403
    assert (await frame.send(form, 0, origin=None)).status_code == 303


async def test_whom_a_session_authenticates_needs_the_token_of_the_form(visit: Visit) -> None:
    poll, browser = make_poll(voters="account"), await visit(make_user())
    frame = Frame(browser, poll, forgetful=False)
    form = await frame.open()
    assert (await frame.send(form, 0, csrfmiddlewaretoken="x" * 64)).status_code == 403
    assert (await frame.send(form, 0)).status_code == 303


async def test_the_results_page_offers_downloads_and_draws_when_votes_came(visit: Visit) -> None:
    poll, browser = make_poll(), await visit()
    answer = await browser.get(f"/polls/{poll.slug}/results")
    for kind in ("csv", "json", "pdf"):
        assert f'href="/api/v1/polls/{poll.id}/results.{kind}"' in answer.text
    assert 'class="timeline"' not in answer.text
