"""What an https PUBLIC_URL switches on, on lean and Django paths alike."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.test import Client

from core.asgi import application


@pytest.fixture
def https(committed_db: None, settings: Any) -> None:
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = True
    settings.PUBLIC_URL = "https://polls.example"
    settings.SECURE_HSTS_SECONDS = 600
    settings.ALLOWED_HOSTS = ["*"]


async def ask(method: str, url: str, peer: str = "192.0.2.7", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=application, client=(peer, 1234), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.request(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})


PATHS = ["/api/v1/polls/x/results", "/api/v1/polls/x/votes", "/api/v1/auth/me", "/problems/not-found"]


@pytest.mark.parametrize("path", PATHS)
async def test_whoever_comes_in_the_clear_is_sent_to_https(https: None, path: str) -> None:
    answer = await ask("GET", f"http://10.0.0.1{path}?a=b%20c")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://polls.example{path}?a=b%20c")
    answer = await ask("POST", f"http://10.0.0.1{path}")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://polls.example{path}")


@pytest.mark.parametrize("path", PATHS)
async def test_over_https_browsers_are_told_to_stay_there(https: None, path: str) -> None:
    answer = await ask("GET", f"https://polls.example{path}")
    assert answer.status_code in {200, 401, 404, 405, 503}
    assert answer.headers.get_list("Strict-Transport-Security") == ["max-age=600"]


async def test_a_proxy_is_believed_only_where_it_is_trusted(https: None, settings: Any) -> None:
    assert (await ask("GET", "http://polls.example/problems/not-found", X_Forwarded_Proto="https")).status_code == 301
    settings.TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert (await ask("GET", "http://polls.example/problems/not-found", X_Forwarded_Proto="https")).status_code == 200
    assert (await ask("GET", "http://polls.example/problems/not-found", X_Forwarded_Proto="http")).status_code == 301
    assert (await ask("GET", "http://polls.example/problems/not-found", peer="198.51.100.1", X_Forwarded_Proto="https")).status_code == 301


async def test_probes_are_answered_where_they_ask(https: None) -> None:
    assert (await ask("GET", "http://10.0.0.1/livez")).status_code == 200


def test_without_an_https_public_url_nothing_is_sent_anywhere(committed_db: None) -> None:
    assert Client().get("/problems/not-found").status_code == 200
