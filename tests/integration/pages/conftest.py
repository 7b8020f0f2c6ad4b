"""The whole web process in the test's own loop, and browsers without JavaScript that visit it."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from html import unescape
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client

from commands import intake
from commands.models import Poll
from core.accounts.models import User
from core.asgi import application
from core.limits import vote_limit
from core.redis import close_async_redis
from projections import feed
from tests.factories import make_user
from tests.integration.pages.organisers import signed_in

ORIGIN = "http://testserver"
_KEY = re.compile(r'name="key" value="([^"]+)"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_CONTROL = re.compile(r'<input type="(?:radio|checkbox)" name="([^"]+)" value="([^"]+)"')


class Browser:
    """A person's browser: keeps cookies, fills forms, runs no script and follows no redirect by itself."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def open(self, poll: Poll) -> Form:
        answer = await self.get(f"/polls/{poll.slug}")
        assert answer.status_code == 200, answer.text
        return Form(self, poll, answer.text)

    async def vote(self, poll: Poll, *picks: int) -> httpx.Response:
        return await (await self.open(poll)).send(*picks)


class Form:
    """The ballot as it was opened."""

    def __init__(self, browser: Browser, poll: Poll, text: str) -> None:
        self.browser, self.poll = browser, poll
        key, token = _KEY.search(text), _TOKEN.search(text)
        assert key is not None
        assert token is not None, text
        self.key, self.token = key[1], token[1]
        self.controls = _CONTROL.findall(text)

    async def send(self, *picks: int, **fields: str) -> httpx.Response:
        """Posts the form with the controls at these places chosen."""
        data: dict[str, Any] = {"csrfmiddlewaretoken": self.token, "key": self.key} | fields
        for pick in picks:
            name, value = self.controls[pick]
            data.setdefault(name, []).append(value)
        return await self.browser.client.post(f"/polls/{self.poll.slug}", data=data, headers={"Origin": str(self.browser.client.base_url).rstrip("/")})


def words(answer: httpx.Response) -> str:
    """What a person reads: the text without markup."""
    body = re.sub(r"(?s)<head>.*</head>", "", answer.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def limit_votes(settings: Any) -> Iterator[Callable[[str], None]]:
    """Sets the limit of votes per address, with nothing taken from it yet."""
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex}"

    def to(rate: str) -> None:
        settings.VOTE_RATE_LIMIT = rate
        vote_limit.cache_clear()

    yield to
    vote_limit.cache_clear()


@pytest_asyncio.fixture
async def visit(committed_db: None, limit_votes: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """Opens a fresh browser, signed in as `user` if one is given."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    limit_votes("off")
    await intake.startup()
    await feed.startup()
    async with AsyncExitStack() as stack:

        async def browser(user: User | None = None) -> Browser:
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url=ORIGIN)
            await stack.enter_async_context(client)
            if user is not None:
                signed_in = Client()
                await sync_to_async(signed_in.force_login)(user)
                client.cookies.set(django_settings.SESSION_COOKIE_NAME, signed_in.cookies[django_settings.SESSION_COOKIE_NAME].value)
            return Browser(client)

        yield browser
    await feed.shutdown()
    await intake.shutdown()
    await close_async_redis()


@pytest.fixture
def chief(committed_db: None) -> Client:
    return signed_in(make_user("chief", is_staff=True, is_superuser=True))
