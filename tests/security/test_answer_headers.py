"""Every class of answer tells browsers what they may do with it; only the embed page may be framed, nothing may stand in markup."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client

from tests.asgi_client import Answer, ask
from tests.factories import ballot, make_poll, make_user
from tests.security.conftest import Running

JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


async def session_of(user: Any) -> dict[str, str | bytes]:
    client = Client()
    await sync_to_async(client.force_login)(user)
    return {"cookie": f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"}


async def one_of_each() -> dict[str, Answer]:
    """An answer of every class, by name; all that no frame may show."""
    boss = make_user("boss", is_staff=True, is_superuser=True)
    poll, hidden = make_poll(owner=boss), make_poll(results="owner")
    signed_in = await session_of(boss)
    base, embedded = f"/api/v1/polls/{poll.pk}", f"/polls/{poll.slug}/embed"
    admin = (
        "/admin/",
        "/admin/commands/poll/",
        "/admin/commands/poll/add/",
        f"/admin/commands/poll/{poll.pk}/change/",
        "/admin/accounts/user/",
        "/admin/nothing/",
    )
    found = {
        "vote": await ask("POST", f"{base}/votes", headers=dict(JSON), body=orjson.dumps(ballot(poll))),
        "results": await ask("GET", f"{base}/results"),
        "results refused": await ask("GET", f"/api/v1/polls/{hidden.pk}/results"),
        "results options": await ask("OPTIONS", f"{base}/results"),
        "stream": await ask("GET", f"{base}/results/stream"),
        "csv": await ask("GET", f"{base}/results.csv"),
        "api": await ask("GET", f"/api/v1/polls/{poll.pk}"),
        "api refused": await ask("GET", "/api/v1/auth/me"),
        "api unknown": await ask("GET", "/api/v1/nothing"),
        "api too large": await ask("POST", "/api/v1/polls", headers={**JSON, "content-length": "9" * 30}),
        "foreign origin": await ask("GET", f"{base}/results", headers={"origin": "https://foe.example"}),
        "foreign host": await ask("GET", f"{base}/results", headers={"host": "foe.example"}),
        "foreign host of a page": await ask("GET", "/", headers={"host": "foe.example"}),
        "probe": await ask("GET", "/livez"),
        "metrics": await ask("GET", "/metrics"),
        "schema": await ask("GET", "/api/schema/"),
        "swagger": await ask("GET", "/api/docs/"),
        "redoc": await ask("GET", "/api/redoc/"),
        "home": await ask("GET", "/"),
        "ballot": await ask("GET", f"/polls/{poll.slug}"),
        "results page": await ask("GET", f"/polls/{poll.slug}/results"),
        "withheld": await ask("GET", f"/polls/{hidden.slug}/results"),
        "problem page": await ask("GET", "/problems/not-found"),
        "page not found": await ask("GET", "/nowhere"),
        "page with too large a body": await ask("POST", "/admin/login/", headers={"content-length": "9" * 12}),
        "csrf refused": await ask("POST", "/admin/login/", headers={"content-type": "application/x-www-form-urlencoded"}, body=b"username=x"),
        "sign in": await ask("GET", "/admin/login/"),
        "static": await ask("GET", "/static/pages/site.css"),
        "embed of nothing": await ask("GET", "/polls/nothing-here/embed"),
        "embed with a foreign host": await ask("GET", embedded, headers={"host": "foe.example"}),
    }
    return found | {f"admin {path}": await ask("GET", path, headers=dict(signed_in)) for path in admin}


async def test_every_answer_forbids_sniffing_framing_and_telling_others_where_one_was(http: Any) -> None:
    for name, answer in (await one_of_each()).items():
        assert answer.status, name
        assert answer.header("x-content-type-options") == "nosniff", name
        assert answer.header("referrer-policy") == "same-origin", name
        assert answer.header("x-frame-options") == "DENY", name
        policy = answer.header("content-security-policy") or ""
        assert "default-src 'none'" in policy, name
        assert "frame-ancestors 'none'" in policy, name
        for header in ("x-content-type-options", "referrer-policy", "x-frame-options", "content-security-policy"):
            assert [key.lower() for key, _ in answer.headers].count(header.encode()) == 1, (name, header)
        assert "server" not in dict(answer.headers), name
        assert answer.header("x-powered-by") is None, name


async def test_nothing_may_stand_in_the_markup_of_any_page(http: Any) -> None:
    for name, answer in (await one_of_each()).items():
        policy = answer.header("content-security-policy") or ""
        assert "unsafe" not in policy, name
        assert ("nonce-" in policy) == (name in {"swagger", "redoc"}), name  # the stated exception of docs/security.md
        if (answer.header("content-type") or "").startswith("text/html"):
            markup = answer.body.decode()
            assert not re.search(r"<style|<[^>]+\s(?:on\w+|style)=|<script(?![^>]*\ssrc=)|javascript:", markup), name
        assert not re.search(r"(?:^|\s)(?:https?:|\*|wss?:)", policy), (name, policy)


async def test_the_reading_rooms_nonce_is_another_each_time_and_kept_by_nobody(http: Any) -> None:
    nonces = set()
    for path in ("/api/docs/", "/api/redoc/", "/api/docs/", "/api/redoc/"):
        answer = await ask("GET", path)
        nonces |= set(re.findall(r"style-src 'self' 'nonce-([A-Za-z0-9_-]{22})'", answer.header("content-security-policy") or ""))
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert answer.header("cache-control") == "private, no-store"
    assert len(nonces) == 4
    redoc = await ask("GET", "/api/redoc/")
    (nonce,) = re.findall(r'docs.js" nonce="([^"]+)"', redoc.body.decode())
    assert f"'nonce-{nonce}'" in (redoc.header("content-security-policy") or "")


async def test_only_the_embed_page_may_be_framed(http: Any) -> None:
    poll = make_poll()
    for path in (f"/polls/{poll.slug}/embed", f"/polls/{poll.slug}/embed/results"):
        answer = await ask("GET", path)
        assert answer.status == 200
        assert answer.header("x-frame-options") is None
        policy = answer.header("content-security-policy") or ""
        assert "frame-ancestors *" in policy
        assert "unsafe" not in policy
        assert answer.header("x-content-type-options") == "nosniff"


async def test_over_https_every_answer_keeps_browsers_there(http: Any, settings: Any) -> None:
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS, settings.PUBLIC_URL, settings.TRUSTED_PROXIES = 31_536_000, "https://testserver", ["192.0.2.0/24"]
    for path in (
        "/",
        "/livez",
        "/nowhere",
        "/api/v1/nothing",
        "/api/docs/",
        "/admin/login/",
        "/static/pages/site.css",
        f"/api/v1/polls/{make_poll().pk}/results",
    ):
        answer = await ask("GET", path, headers={"x-forwarded-proto": "https"})
        assert [value for name, value in answer.headers if name.lower() == b"strict-transport-security"] == [b"max-age=31536000"], path
        clear = await ask("GET", path)
        assert clear.header("strict-transport-security") is None, path  # browsers pass it over, and it would say that the answer went over TLS
        assert clear.header("x-content-type-options") == "nosniff", path


async def test_a_refused_socket_and_rubbish_on_the_wire_carry_what_they_can(running: Running) -> None:
    upgrade = b"GET /ws/v1/polls/x/results HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    refused = (await running.ask(upgrade + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")).lower()
    assert refused.startswith(b"http/1.1 404")
    for header in (b"x-content-type-options: nosniff", b"frame-ancestors 'none'", b"x-frame-options: deny"):
        assert header in refused
    assert b"nosniff" in await running.ask(b"rubbish\r\n\r\n")
