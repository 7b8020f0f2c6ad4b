"""The pages for a forgotten password, as a browser without JavaScript goes through them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import authenticate
from django.core import mail
from pytest_django import Settings

from core.accounts.reset_mail import reset_url
from core.limits import auth_limit
from tests.factories import make_user
from tests.integration.pages.conftest import ORIGIN, Browser, words
from tests.waiting import wait_until

NEW = "staple in the stable 9"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture(autouse=True)
def unlimited(settings: Settings) -> Iterator[None]:
    settings.AUTH_RATE_LIMIT = "off"
    auth_limit.cache_clear()
    yield
    auth_limit.cache_clear()


async def send(browser: Browser, path: str, _to: str | None = None, **fields: str) -> httpx.Response:
    """Opens the page, fills its form and sends it, to the page itself unless the form says another path."""
    token = _TOKEN.search((await browser.get(path)).text)
    assert token is not None
    return await browser.client.post(_to or path, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Origin": ORIGIN})


async def test_from_the_question_to_the_new_password(visit: Callable[..., Awaitable[Browser]]) -> None:
    await sync_to_async(make_user)("anna", email="anna@example.org")
    browser = await visit()
    told = [words(await send(browser, "/account/reset", email=email)).replace(email, "…") for email in ("anna@example.org", "nobody@example.org")]
    assert told[0] == told[1]
    await sync_to_async(wait_until)(lambda: mail.outbox, seconds=10)
    found = re.search(r"https?://\S+", str(mail.outbox[0].body).split("one; it works", 1)[1])
    assert found is not None
    path = urlsplit(found[0]).path
    page = await browser.get(path)
    assert "For the account anna" in words(page)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert (await send(browser, path, new_password=NEW, again="other")).status_code == 400
    assert "too short" in words(await send(browser, path, new_password="x", again="x"))
    assert "Your password is changed" in words(await send(browser, path, new_password=NEW, again=NEW))
    assert await sync_to_async(authenticate)(username="anna", password=NEW) is not None
    used = await browser.get(path)
    assert (used.status_code, "Ask for a new one" in words(used)) == (400, True)


async def test_what_is_no_address_is_said_kindly(visit: Callable[..., Awaitable[Browser]]) -> None:
    answer = await send(await visit(), "/account/reset", email="nonsense")
    assert (answer.status_code, "Please write an e-mail address" in words(answer)) == (400, True)


async def test_links_that_were_never_sent_do_not_work(visit: Callable[..., Awaitable[Browser]]) -> None:
    anna, bert = await sync_to_async(make_user)("anna"), await sync_to_async(make_user)("bert")
    browser = await visit()
    good = urlsplit(await sync_to_async(reset_url)(anna)).path
    assert (await browser.get(good)).status_code == 200
    assert (await browser.get(good.replace(str(anna.pk), str(bert.pk)))).status_code == 400
    assert (await browser.get(f"{good}x")).status_code == 400
    assert (await browser.get("/account/reset/nonsense/x-y")).status_code == 404
