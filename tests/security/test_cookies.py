"""Every cookie that is ever set: out of reach of scripts, not sent along from other sites, over https only where there is https."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import orjson
import pytest

from tests.asgi_client import Answer, ask
from tests.contract.operations import PASSWORD
from tests.factories import ballot, choice_ids, make_poll, make_user

pytestmark = pytest.mark.usefixtures("unlimited")
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
FOR_SCRIPTS = {"csrftoken"}  # a script of ours has to send it back as X-CSRFToken; it is worth nothing without the session's cookie


@pytest.fixture(autouse=True)
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


def set_by(answer: Answer) -> SimpleCookie:
    found: SimpleCookie = SimpleCookie()
    for name, value in answer.headers:
        if name.lower() == b"set-cookie":
            found.load(value.decode())
    return found


async def every_cookie(scheme: str) -> SimpleCookie:
    """Signs in, votes by API, page and frame, and changes something in the admin."""
    make_user("boss", is_staff=True, is_superuser=True, password=PASSWORD)
    poll, forwarded = make_poll(), {"x-forwarded-proto": scheme, "origin": f"{scheme}://testserver", "referer": f"{scheme}://testserver/"}
    jar: SimpleCookie = SimpleCookie()

    async def visit(method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())
        answer = await ask(method, path, headers={**forwarded, **headers, "cookie": cookies}, body=body)
        for name, morsel in set_by(answer).items():
            jar[name] = morsel  # type: ignore[assignment]  # a morsel is what it keeps
        return answer

    def form(**fields: str) -> bytes:
        return "&".join(f"{name}={value}" for name, value in {"csrfmiddlewaretoken": jar["csrftoken"].value, **fields}.items()).encode()

    await visit("GET", "/admin/login/")
    assert (await visit("POST", "/admin/login/", form(username="boss", password=PASSWORD.replace(" ", "+")), **FORM)).status == 302
    assert (await visit("POST", f"/admin/commands/poll/{poll.pk}/change/", form(), **FORM)).status in {200, 302}
    question = poll.questions.all()[0]
    choice = {f"q{question.position}": choice_ids(poll)[0], f"q-{question.pk}": choice_ids(poll)[0], str(question.pk): choice_ids(poll)[0]}
    assert (await visit("POST", f"/polls/{poll.slug}", form(key="0123456789abcdefghijkl", **choice), **FORM)).status == 303
    by_page = jar.pop("nexus_voter")
    assert (await visit("POST", f"/api/v1/polls/{poll.pk}/votes", orjson.dumps(ballot(poll)), **JSON, **{"x-csrftoken": jar["csrftoken"].value})).status == 201
    jar["by_page"] = by_page  # type: ignore[assignment]
    return jar


@pytest.mark.parametrize(
    ("public_url", "scheme", "secure"), [("https://testserver", "https", True), ("http://testserver", "https", True), ("http://testserver", "http", False)]
)
async def test_each_has_its_flags(http: Any, settings: Any, public_url: str, scheme: str, secure: bool) -> None:
    settings.PUBLIC_URL, settings.TRUSTED_PROXIES = public_url, ["192.0.2.0/24"]
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = public_url.startswith("https")
    jar = await every_cookie(scheme)
    assert jar.keys() >= {"sessionid", "csrftoken", "nexus_voter", "by_page"}
    for name, morsel in jar.items():
        assert morsel["samesite"] == "Lax", name
        assert morsel["path"] == "/", name
        assert not morsel["domain"], name
        assert bool(morsel["httponly"]) == (name not in FOR_SCRIPTS), name
        if public_url.startswith("https") or name in {"nexus_voter", "by_page"}:
            assert bool(morsel["secure"]) == secure, name


async def test_answers_that_a_cache_may_keep_set_none(http: Any) -> None:
    poll = make_poll()
    for path in (f"/api/v1/polls/{poll.pk}/results", f"/api/v1/polls/{poll.pk}/results.csv", "/static/pages/site.css"):
        answer = await ask("GET", path)
        assert "public" in (answer.header("cache-control") or "max-age"), path
        assert not set_by(answer), path
