"""Who may do what in the admin, and how they get in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from core.accounts.tokens import issue_pair
from core.limits import auth_limit
from pages.admin.site import site
from projections.models import PollCard
from tests.factories import make_poll, make_user
from tests.integration.pages.organisers import LIST, change, organiser, poll_form, signed_in
from tests.integration.pages.reading import inputs, words

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.usefixtures("committed_db")


class TestRights:
    def test_others_are_sent_to_sign_in(self) -> None:
        poll = make_poll()
        for client in (Client(), signed_in(make_user())):
            for path in ("/admin/", LIST, change(poll), "/admin/accounts/user/"):
                answer = client.get(path)
                assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True)

    def test_staff_without_permissions_sees_nothing(self) -> None:
        client, poll = signed_in(organiser()), make_poll()
        assert client.get("/admin/").status_code == 200
        for path in (LIST, change(poll), f"{LIST}add/", f"{LIST}{poll.pk}/delete/", "/admin/accounts/user/"):
            assert client.get(path).status_code == 403, path

    def test_who_may_only_look_changes_nothing(self) -> None:
        client, poll = signed_in(organiser("view_poll")), make_poll(title="Before")
        page = client.get(change(poll)).content.decode()
        assert 'name="_save"' not in page
        client.post(change(poll), poll_form(title="After"))
        assert client.post(change(poll), {"_close": "1"}).status_code == 403
        assert client.post(f"{LIST}add/", poll_form()).status_code == 403
        assert client.post(f"{LIST}{poll.pk}/delete/", {"post": "yes"}).status_code == 403
        client.post(LIST, {"action": "close", "_selected_action": [str(poll.pk)]})
        poll.refresh_from_db()
        assert (poll.title, poll.sealed_at) == ("Before", None)

    def test_votes_and_codes_are_not_there_to_browse(self) -> None:
        assert {model.__name__ for model in site._registry} == {"Poll", "User", "Group"}

    def test_pages_load_nothing_from_elsewhere(self, chief: Client) -> None:
        for path in ("/admin/", LIST, f"{LIST}add/"):
            answer = chief.get(path)
            assert "script-src 'self'" in answer["Content-Security-Policy"]
            assert not re.search(r"<script>|<style| style=| on\w+=", answer.content.decode())
        assert "script-src 'self'" in Client().get("/admin/login/")["Content-Security-Policy"]


class TestAccounts:
    def test_deleting_one_closes_it(self, chief: Client) -> None:
        anna = make_user("anna", email="anna@example.org")
        poll = make_poll(owner=anna)
        assert "votes stay counted" in words(chief.get(f"/admin/accounts/user/{anna.pk}/delete/"))
        assert chief.post(f"/admin/accounts/user/{anna.pk}/delete/", {"post": "yes"}).status_code == 302
        anna.refresh_from_db()
        assert (anna.is_active, anna.email) == (False, "")
        assert PollCard.objects.get(pk=poll.pk).owner_username == anna.username

    def test_taking_rights_away_makes_tokens_void(self, chief: Client) -> None:
        anna = make_user("anna", is_staff=True)
        issue_pair(anna)
        path = f"/admin/accounts/user/{anna.pk}/change/"
        data = inputs(chief.get(path).content.decode()) | {"_save": "1"}
        data.pop("is_staff")
        answer = chief.post(path, data)
        assert answer.status_code == 302, words(answer)
        anna.refresh_from_db()
        assert (anna.is_staff, anna.token_generation) == (False, 1)

    def test_who_edits_accounts_gives_no_rights_and_leaves_superusers_alone(self) -> None:
        clerk, boss = organiser("view_user", "change_user", "delete_user"), make_user("boss", is_superuser=True, is_staff=True)
        client = signed_in(clerk)
        path = f"/admin/accounts/user/{clerk.pk}/change/"
        client.post(path, inputs(client.get(path).content.decode()) | {"is_superuser": "on", "_save": "1"})
        clerk.refresh_from_db()
        assert clerk.is_superuser is False
        assert client.post(f"/admin/accounts/user/{boss.pk}/password/", {"password1": PASSWORD + "1", "password2": PASSWORD + "1"}).status_code == 403
        assert client.post(f"/admin/accounts/user/{boss.pk}/delete/", {"post": "yes"}).status_code == 403


class TestSigningIn:
    @pytest.fixture(autouse=True)
    def limited(self, settings: Settings) -> Iterator[None]:
        settings.REDIS_PREFIX, settings.AUTH_RATE_LIMIT = f"test-{uuid.uuid4().hex}", "3/hour"
        auth_limit.cache_clear()
        yield
        auth_limit.cache_clear()

    def test_is_limited_as_in_the_api(self) -> None:
        make_user("chief", is_staff=True)
        client = Client()
        wrong = [client.post("/admin/login/", {"username": "chief", "password": "wrong"}) for _ in range(4)]
        assert "Please enter the correct username and password" in words(wrong[0])
        assert "Too many requests" in words(wrong[3])

    def test_lets_staff_in_and_nobody_else(self) -> None:
        make_user("chief", is_staff=True)
        make_user("anna")
        client = Client()
        assert "Please enter the correct username and password for a staff account" in words(
            client.post("/admin/login/", {"username": "anna", "password": PASSWORD})
        )
        answer = client.post("/admin/login/?next=/admin/", {"username": "chief", "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
