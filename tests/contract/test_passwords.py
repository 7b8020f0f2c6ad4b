"""Passwords over HTTP: changed, forgotten, chosen anew; and the end of an account."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.db import connections
from django.test import Client
from pytest_django import Settings

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import TokenPair, issue_pair
from core.limits import auth_limit
from tests.contract.conftest import Api, assert_problem
from tests.factories import make_user
from tests.waiting import wait_until

PASSWORD, NEW = "correct horse battery", "staple in the stable 9"
LINK = re.compile(r"/account/reset/([0-9a-f-]{36})/([0-9a-z]+-[0-9a-f]+)")
pytestmark = pytest.mark.usefixtures("unlimited", "committed_db")


def can_sign_in(password: str, username: str = "anna") -> bool:
    status: int = Api().post("auth/token", {"username": username, "password": password}).status_code
    assert status in {200, 401}
    return status == 200


def is_alive(pair: TokenPair) -> tuple[bool, bool]:
    """Whether the access token and the refresh token still work."""
    access = Api().get("auth/me", headers={"Authorization": f"Bearer {pair.access}"}).status_code
    refresh = Api().post("auth/token/refresh", {"refresh": pair.refresh}).status_code
    assert {access, refresh} <= {200, 401}
    return access == 200, refresh == 200


@pytest.fixture
def limited(unlimited: None, settings: Settings) -> None:
    settings.AUTH_RATE_LIMIT, settings.REDIS_PREFIX = "1000/minute", f"test-{uuid.uuid4().hex}"
    auth_limit.cache_clear()


class TestChanging:
    def test_the_new_one_signs_in_and_everything_older_is_void(self) -> None:
        anna = make_user("anna")
        elsewhere, browser = issue_pair(anna), Client()
        browser.force_login(anna)
        answer = Api(anna).post("auth/password/change", {"old_password": PASSWORD, "new_password": NEW})
        assert answer.status_code == 200
        assert (can_sign_in(PASSWORD), can_sign_in(NEW)) == (False, True)
        assert is_alive(elsewhere) == (False, False)
        assert browser.get("/api/v1/auth/me").status_code == 401
        assert is_alive(TokenPair(**answer.data)) == (True, True), "who changed it stays signed in with the pair in the answer"

    def test_needs_the_old_one_and_a_good_new_one(self) -> None:
        anna = Api(make_user("anna"))
        for body, pointers in (
            ({"old_password": "wrong", "new_password": NEW}, ["#/old_password"]),
            ({"old_password": PASSWORD, "new_password": "12345678"}, ["#/new_password", "#/new_password"]),
            ({"old_password": PASSWORD, "new_password": "a\0b"}, ["#/new_password"]),
            ({}, ["#/old_password", "#/new_password"]),
        ):
            assert_problem(anna.post("auth/password/change", body), 400, "validation-error", *pointers)
        assert_problem(Api().post("auth/password/change", {}), 401, "not-authenticated")
        assert can_sign_in(PASSWORD)

    def test_of_racing_ones_one_wins(self) -> None:
        anna = Api(make_user("anna"))

        def change(number: int) -> int:
            try:
                answer = anna.post("auth/password/change", {"old_password": PASSWORD, "new_password": f"{NEW}{number}"})
                status: int = answer.status_code
                return status
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as threads:
            statuses = list(threads.map(change, range(4)))
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 400, 401}

    def test_also_where_the_password_was_set_otherwise(self) -> None:
        anna = make_user("anna")
        pair = issue_pair(anna)
        anna.set_password(NEW)
        anna.save(update_fields=["password"])
        assert is_alive(pair) == (False, False)


class TestForgetting:
    def ask(self, email: str) -> Any:
        answer = Api().post("auth/password/reset", {"email": email})
        assert (answer.status_code, answer.content) == (202, b"")
        return answer

    def links(self, number: int) -> list[tuple[str, str]]:
        wait_until(lambda: len(mail.outbox) >= number, seconds=10)
        found = []
        for message in mail.outbox:
            match = LINK.search(str(message.body))
            assert match is not None, message.body
            found.append((match[1], match[2]))
        return found

    def confirm(self, link: tuple[str, str], new: str = NEW) -> Any:
        return Api().post("auth/password/reset/confirm", {"uid": link[0], "token": link[1], "new_password": new})

    def test_a_link_by_e_mail_sets_a_new_one_once(self, settings: Settings) -> None:
        settings.PUBLIC_URL = "https://vote.example"
        anna = make_user("anna", email="Anna@example.org")
        pair = issue_pair(anna)
        self.ask("nobody@example.org")
        self.ask("anna@EXAMPLE.org")
        (link,) = self.links(1)
        assert mail.outbox[0].to == ["Anna@example.org"]
        assert "https://vote.example/account/reset/" in str(mail.outbox[0].body)
        assert_problem(self.confirm(link, "short"), 400, "validation-error", "#/new_password")
        assert self.confirm(link).status_code == 204
        assert (can_sign_in(PASSWORD), can_sign_in(NEW)) == (False, True)
        assert is_alive(pair) == (False, False)
        assert_problem(self.confirm(link, f"{NEW}!"), 400, "bad-request")

    def test_the_answer_is_the_same_for_every_address_and_waits_for_no_look_up(self) -> None:
        make_user("anna", email="anna@example.org")
        with patch("core.accounts.reset_mail.background") as queue:
            known, unknown = self.ask("anna@example.org"), self.ask("nobody@example.org")
        assert dict(known.headers) == dict(unknown.headers)
        assert queue.return_value.run_soon.call_count == 2
        assert_problem(Api().post("auth/password/reset", {"email": "nonsense"}), 400, "validation-error", "#/email")
        assert_problem(Api().post("auth/password/reset", {}), 400, "validation-error", "#/email")

    def test_every_active_account_with_the_address_gets_its_own(self) -> None:
        make_user("anna", email="both@example.org")
        make_user("bert", email="both@example.org")
        make_user("gone", email="both@example.org", is_active=False)
        self.ask("both@example.org")
        assert len({uid for uid, _ in self.links(2)}) == 2
        assert len(mail.outbox) == 2

    def test_links_that_are_old_forged_or_anothers_do_not_work(self) -> None:
        anna, bert = make_user("anna", email="anna@example.org"), make_user("bert")
        self.ask("anna@example.org")
        ((uid, token),) = self.links(1)
        with patch.object(default_token_generator, "_now", return_value=datetime.now() + timedelta(hours=1, minutes=1)):  # noqa: DTZ005  (as Django has it)
            assert_problem(self.confirm((uid, token)), 400, "bad-request")
        for link in ((uid, f"{token}x"), (str(bert.pk), token), (str(uuid.uuid4()), token), ("x", token), (uid, "")):
            assert self.confirm(link).status_code == 400
        User.objects.filter(pk=anna.pk).update(is_active=False)
        assert_problem(self.confirm((uid, token)), 400, "bad-request")

    def test_of_racing_uses_of_one_link_one_wins(self) -> None:
        make_user("anna", email="anna@example.org")
        self.ask("anna@example.org")
        (link,) = self.links(1)

        def use(number: int) -> int:
            try:
                status: int = self.confirm(link, f"{NEW}{number}").status_code
                return status
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as threads:
            statuses = list(threads.map(use, range(4)))
        assert sorted(statuses) == [204, 400, 400, 400]

    @pytest.mark.usefixtures("limited")
    def test_an_address_is_not_flooded(self) -> None:
        make_user("anna", email="anna@example.org")
        make_user("last", email="last@example.org")
        for _ in range(5):
            self.ask("anna@example.org")
        self.ask("last@example.org")
        wait_until(lambda: any(message.to == ["last@example.org"] for message in mail.outbox), seconds=10)
        assert [message.to[0] for message in mail.outbox] == ["anna@example.org"] * 3 + ["last@example.org"]


class TestClosing:
    def test_wipes_the_person_and_keeps_the_polls(self) -> None:
        anna = make_user("anna", email="anna@example.org", first_name="Anna")
        pair, browser, api = issue_pair(anna), Client(), Api(anna)
        browser.force_login(anna)
        poll = api.make_poll()
        assert api.delete("auth/me").status_code == 204
        left = User.objects.get(pk=anna.pk)
        assert re.fullmatch(r"deleted-[0-9a-f]{16}", left.username)
        assert (left.email, left.first_name, left.last_name, left.is_active, left.has_usable_password()) == ("", "", "", False, False)
        assert is_alive(pair) == (False, False)
        assert browser.get("/api/v1/auth/me").status_code == 401
        assert not can_sign_in(PASSWORD)
        shown = Api().get(f"polls/{poll['id']}").data
        assert shown["owner"] == {"username": left.username}
        assert shown["title"] == poll["title"]
        assert Poll.objects.get().owner_id == anna.pk
        assert b"anna" not in Api().get("polls").content

    def test_the_name_can_be_had_again_and_is_somebody_else(self) -> None:
        anna = Api(make_user("anna"))
        poll = anna.make_poll()
        anna.delete("auth/me")
        again = Api().post("auth/register", {"username": "anna", "email": "a@example.org", "password": PASSWORD})
        assert again.status_code == 201
        other = Api(User.objects.get(username="anna"))
        assert_problem(other.post(f"polls/{poll['id']}/close"), 403, "permission-denied")

    def test_needs_somebody(self) -> None:
        assert_problem(Api().delete("auth/me"), 401, "not-authenticated")
