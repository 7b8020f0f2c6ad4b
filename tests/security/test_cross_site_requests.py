"""A session alone does nothing: every unsafe request that it authenticates needs its CSRF token, on every path there is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from commands.models import Poll
from core.accounts.models import User
from core.asgi import _HANDLERS
from tests.asgi_client import Answer, ask
from tests.contract.operations import Operation, encoded, operations
from tests.factories import make_poll, make_user

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Sessions say nothing to these: whoever calls one acts with what stands in the body, so there is nothing that another site could misuse.
FOR_NOBODY_IN_PARTICULAR = {"register", "obtain_tokens", "refresh_tokens", "logout", "reset_password", "confirm_password_reset"}
pytestmark = pytest.mark.usefixtures("unlimited")


class SignedIn:
    """A browser with a session, and with its CSRF cookie where `csrf` is asked for."""

    def __init__(self, user: User) -> None:
        self.user = user
        client = Client()
        client.force_login(user)
        self.session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        self.token = "t" * 32

    def headers(self, *, token: str | None = None, cookie: bool = True, **more: str) -> dict[str, str | bytes]:
        cookies = f"{django_settings.SESSION_COOKIE_NAME}={self.session}" + (f"; {django_settings.CSRF_COOKIE_NAME}={self.token}" if cookie else "")
        return {"cookie": cookies, **({} if token is None else {"x-csrftoken": token}), **more}


@pytest.fixture
def boss(http: Any, monkeypatch: pytest.MonkeyPatch) -> SignedIn:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    return SignedIn(make_user("boss", is_staff=True, is_superuser=True))


def unsafe_operations() -> Iterator[Operation]:
    return (operation for operation in operations() if operation.method in UNSAFE)


async def attempt(boss: SignedIn, operation: Operation, **headers: Any) -> tuple[Answer, Poll]:
    poll = await sync_to_async(make_poll)(owner=boss.user, changeable=True, voters="account")
    return await ask(operation.method, operation.on(poll.pk), headers={**JSON, **boss.headers(**headers)}, body=encoded(operation, poll)), poll


async def test_no_operation_works_without_the_token_or_with_a_wrong_one(boss: SignedIn) -> None:
    assert {operation.id for operation in unsafe_operations()} > FOR_NOBODY_IN_PARTICULAR
    for operation in unsafe_operations():
        if operation.id in FOR_NOBODY_IN_PARTICULAR:
            continue
        for wrong in (
            ({}, {"token": "w" * 32}) if operation.id != "close_poll" else ({}, {"token": "w" * 32}, {"token": ""}, {"token": boss.token, "cookie": False})
        ):
            answer, poll = await attempt(boss, operation, **wrong)
            assert (answer.status, answer.data["type"]) == (403, "/problems/permission-denied"), (operation.id, wrong, answer.body)
            assert Poll.objects.filter(pk=poll.pk, title=poll.title, sealed_at=None).exists(), operation.id
        if operation.id not in {"close_account", "change_password"}:
            assert (await attempt(boss, operation, token=boss.token))[0].status != 403, f"{operation.id} does not work with the token, so this proves nothing"
    assert User.objects.filter(pk=boss.user.pk, is_active=True).exists()


async def test_what_takes_no_session_does_not_look_at_it(boss: SignedIn) -> None:
    for operation in unsafe_operations():
        if operation.id not in FOR_NOBODY_IN_PARTICULAR:
            continue
        with_session, _ = await attempt(boss, operation)
        without = await ask(operation.method, operation.path, headers=dict(JSON), body=encoded(operation).replace(b'"new"', b'"other"'))
        assert with_session.status == without.status != 403, operation.id
        assert b"set-cookie" not in dict(with_session.headers), operation.id
        assert User.objects.filter(pk=boss.user.pk, is_active=True, token_generation=0).exists(), operation.id


def test_every_lean_handler_stands_in_the_document_that_is_gone_through() -> None:
    documented = {operation.path.removeprefix("/api/v1/polls/{poll_id}/") for operation in operations()}
    assert _HANDLERS.keys() <= documented


def every_path(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """One address for every route of the URL conf, whoever added it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + _filled(pattern)
        if isinstance(pattern, URLResolver):
            yield from every_path(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield "/" + route


def _filled(pattern: Any) -> str:
    samples = {"uuid": str(uuid.uuid4()), "int": "1", "slug": "a-slug", "str": "text", "path": "a/path"}
    route = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            route = route.replace(written, samples.get({"string": "str"}.get(kind, kind), "text"))
    return {r"^api/": "api/nothing", "(?P<url>.*)$": "nothing", r"^(?P<app_label>auth|accounts|commands)/$": "commands/"}.get(
        route, route.lstrip("^").rstrip("$")
    )


async def test_no_route_of_the_url_conf_does_anything_for_a_session_without_its_token(boss: SignedIn) -> None:
    paths = set(every_path())
    assert {"/admin/logout/", "/admin/commands/poll/add/", "/api/v1/polls", "/polls/a-slug", "/polls/a-slug/embed"} <= paths
    open_to_all = {operation.path for operation in operations() if operation.id in FOR_NOBODY_IN_PARTICULAR}
    for path in sorted(paths - open_to_all):
        for method in ("POST", "DELETE"):
            is_api = path.startswith("/api/")
            answer = await ask(method, path, headers={**(JSON if is_api else FORM), **boss.headers()}, body=b"{}" if is_api else b"a=b")
            assert answer.status in {403, 404, 405}, (method, path, answer.status)
    assert (await ask("GET", "/admin/", headers=boss.headers())).status == 200, "nothing signed them out"


async def test_the_ballot_and_its_frame_refuse_a_form_from_elsewhere(boss: SignedIn) -> None:
    poll = make_poll()
    body = b"key=0123456789abcdefghijkl"
    for path in (f"/polls/{poll.slug}", f"/polls/{poll.slug}/embed"):
        answer = await ask("POST", path, headers={**FORM, **boss.headers()}, body=body)
        assert answer.status == 403, path
        for origin in ("https://foe.example", "null", "http://[", "http://testserver.foe.example"):
            answer = await ask("POST", path, headers={**FORM, "origin": origin}, body=body)
            assert answer.status == 403, (path, origin)
