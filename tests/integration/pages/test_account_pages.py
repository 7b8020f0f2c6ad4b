"""Signing in, registering and signing out, as a browser without JavaScript does it, on the way to a poll that wants accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from core.accounts.models import User
from core.limits import auth_limit
from tests.factories import make_poll, make_user
from tests.integration.pages.conftest import Browser, words
from tests.integration.pages.test_password_pages import send

Visit = Callable[..., Awaitable[Browser]]
PASSWORD = "staple in the stable 9"


@pytest.fixture(autouse=True)
def limit_sign_ins(settings: Settings) -> Iterator[Callable[[str], None]]:
    def to(rate: str) -> None:
        settings.AUTH_RATE_LIMIT = rate
        auth_limit.cache_clear()

    to("off")
    yield to
    auth_limit.cache_clear()


async def a_user() -> User:
    return await sync_to_async(make_user)("anna", password=PASSWORD)


async def test_a_voter_signs_in_on_the_way_and_votes(visit: Visit) -> None:
    await a_user()
    poll, browser = await sync_to_async(make_poll)(voters="account"), await visit()
    asked = await browser.get(f"/polls/{poll.slug}")
    assert f'href="/account/sign-in?next=%2Fpolls%2F{poll.slug}"' in asked.text
    answer = await send(browser, f"/account/sign-in?next=/polls/{poll.slug}", username="anna", password=PASSWORD, next=f"/polls/{poll.slug}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/polls/{poll.slug}")
    assert (await browser.vote(poll, 0)).status_code == 303
    assert "You have voted" in words(await browser.get(f"/polls/{poll.slug}"))


async def test_a_newcomer_registers_and_is_signed_in(visit: Visit) -> None:
    browser = await visit()
    answer = await send(browser, "/account/register", username="bert", email="bert@example.org", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "bert Sign out" in words(await browser.get("/"))


async def test_what_is_wrong_with_a_registration_is_said(visit: Visit) -> None:
    await a_user()
    browser = await visit()
    for fields, said in (
        ({"username": "anna", "email": "a@example.org", "password": PASSWORD}, "This username is taken."),
        ({"username": "carl", "email": "c@example.org", "password": "123"}, "too short"),
        ({"username": "carl", "email": "nonsense", "password": PASSWORD}, "E-mail address: Enter a valid email address."),
        ({"username": "a b", "email": "c@example.org", "password": PASSWORD}, "Username: Enter a valid username."),
        ({}, "Username: This field may not be blank."),
        ({"username": "a\0b", "email": "c@example.org", "password": PASSWORD}, "Null characters are not allowed"),
    ):
        answer = await send(browser, "/account/register", **fields)
        assert (answer.status_code, said in words(answer)) == (400, True), (fields, words(answer))


async def test_a_wrong_name_and_a_wrong_password_are_told_the_same(visit: Visit) -> None:
    await a_user()
    browser = await visit()
    told = []
    for name, password in (("anna", "wrong"), ("nobody", PASSWORD), ("anna", ""), ("", "")):
        answer = await send(browser, "/account/sign-in", username=name, password=password)
        assert answer.status_code == 400
        told.append(words(answer))
    assert len(set(told)) == 1
    assert "The username or the password is wrong." in told[0]


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil.example", "///evil.example"])
async def test_signing_in_leads_to_no_other_site(visit: Visit, elsewhere: str) -> None:
    await a_user()
    answer = await send(await visit(), "/account/sign-in", username="anna", password=PASSWORD, next=elsewhere)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


async def test_signing_out_ends_the_session_and_wants_a_form_of_ours(visit: Visit) -> None:
    browser = await visit(await a_user())
    assert (await browser.get("/account/sign-out")).status_code == 405
    assert (await browser.client.post("/account/sign-out")).status_code == 403
    answer = await send(browser, "/", _to="/account/sign-out")
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (303, "/")
    assert "Sign in" in words(await browser.get("/"))


async def test_guessing_is_slowed_down(visit: Visit, limit_sign_ins: Callable[[str], None]) -> None:
    limit_sign_ins("2/minute")
    browser = await visit()
    statuses = [(await send(browser, "/account/sign-in", username="anna", password="wrong")).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
