"""Accounts over HTTP: made, signed in, renewed, signed out; and how every endpoint judges credentials."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client
from pytest_django import Settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken

from core.accounts import sign_in
from core.accounts.models import User
from core.accounts.tokens import RefreshToken, issue_pair
from core.limits import auth_limit
from core.rates import Rate
from core.redis import sync_redis
from tests.contract.conftest import Api, assert_problem, poll_body
from tests.factories import make_user

PASSWORD = "correct horse battery"
ANNA = {"username": "anna", "email": "anna@example.org", "password": PASSWORD}


@pytest.mark.usefixtures("unlimited")
class TestRegistering:
    def test_makes_an_account_that_can_sign_in(self, anybody: Api) -> None:
        answer = anybody.post("auth/register", ANNA)
        assert answer.status_code == 201
        assert answer.data == {"id": str(User.objects.get().pk), "username": "anna", "email": "anna@example.org", "roles": ["user"]}
        pair = anybody.post("auth/token", {"username": "anna", "password": PASSWORD})
        assert pair.status_code == 200
        assert pair.data.keys() == {"access", "refresh"}
        assert anybody.get("auth/me", headers={"Authorization": f"Bearer {pair.data['access']}"}).data == answer.data

    def test_a_username_is_had_once_an_address_any_number_of_times(self, anybody: Api) -> None:
        anybody.post("auth/register", ANNA)
        for name in ("anna", "ANNA", "Anna"):
            assert_problem(anybody.post("auth/register", ANNA | {"username": name}), 400, "validation-error", "#/username")
        assert anybody.post("auth/register", ANNA | {"username": "anna2"}).status_code == 201

    def test_of_racing_ones_with_one_username_one_wins(self, anybody: Api) -> None:
        def register(_: int) -> Any:
            try:
                return anybody.post("auth/register", ANNA)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(register, range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]

    @pytest.mark.parametrize(
        ("change", "pointers"),
        [
            ({"username": 7}, ["#/username"]),
            ({"password": "12345678"}, ["#/password", "#/password"]),
            ({"password": "anna@example.org"}, ["#/password"]),
            ({"username": "a b", "email": "nonsense"}, ["#/username", "#/email"]),
            ({"username": "x" * 151}, ["#/username"]),
            ({"username": ""}, ["#/username"]),
            ({"email": None, "password": ["x"]}, ["#/email", "#/password"]),
            ({"username": "an\0na"}, ["#/username"]),
        ],
    )
    def test_refuses_what_is_not_as_it_should_be(self, anybody: Api, change: dict[str, Any], pointers: list[str]) -> None:
        assert_problem(anybody.post("auth/register", ANNA | change), 400, "validation-error", *pointers)

    def test_names_what_is_missing(self, anybody: Api) -> None:
        assert_problem(anybody.post("auth/register", {}), 400, "validation-error", "#/username", "#/email", "#/password")


@pytest.mark.usefixtures("unlimited", "committed_db")
class TestSigningIn:
    def test_a_wrong_password_an_unknown_name_and_a_sleeping_account_look_alike(self, anybody: Api) -> None:
        make_user("anna")
        make_user("bert", is_active=False)
        for name, password in ("anna", "wrong"), ("nobody", PASSWORD), ("bert", PASSWORD):
            problem = assert_problem(anybody.post("auth/token", {"username": name, "password": password}), 401, "not-authenticated")
            assert problem["detail"] == "The username or the password is wrong."

    def test_a_refusal_speaks_of_the_limit_that_refused(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.AUTH_RATE_LIMIT, settings.REDIS_PREFIX = "1000/minute", f"test-{uuid.uuid4().hex}"
        auth_limit.cache_clear()
        monkeypatch.setattr(sign_in, "FROM_A_NETWORK", Rate(1, 3600))
        body = {"username": "nobody", "password": "wrong"}
        first, second = Api().post("auth/token", body), Api().post("auth/token", body)
        assert first["RateLimit-Policy"] == '"auth";q=1000;w=60'
        assert_problem(second, 429, "rate-limited")
        assert second["RateLimit-Policy"] == '"sign-in";q=1;w=3600'
        assert int(second["Retry-After"]) > 60

    def test_an_attack_keeps_nobody_out_where_they_registered(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.AUTH_RATE_LIMIT, settings.REDIS_PREFIX = "1000/minute", f"test-{uuid.uuid4().hex}"
        auth_limit.cache_clear()
        settings.TRUSTED_PROXIES = ["127.0.0.1"]
        monkeypatch.setattr(sign_in, "FROM_STRANGERS", Rate(2, 3600))

        def try_from(address: str, password: str) -> int:
            answer = Api().post("auth/token", {"username": "anna", "password": password}, headers={"X-Forwarded-For": address})
            return int(answer.status_code)

        assert Api().post("auth/register", ANNA, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 201
        assert [try_from(f"203.0.113.{number}", "wrong") for number in range(3)] == [401, 401, 429]
        assert (try_from("198.51.100.7", PASSWORD), try_from("192.0.2.1", PASSWORD)) == (429, 200)

    def test_the_access_token_says_who_and_whether_staff(self) -> None:
        for staff in (False, True):
            user = make_user(is_staff=staff)
            claims = jwt.decode(issue_pair(user).access, django_settings.SECRET_KEY, algorithms=["HS256"], audience="nexus", issuer="nexus")
            assert (claims["sub"], claims["staff"], claims["token_type"]) == (str(user.pk), staff, "access")

    def test_the_database_does_not_keep_the_refresh_token(self) -> None:
        pair = issue_pair(make_user())
        assert [row.token for row in OutstandingToken.objects.all()] == [""]
        assert pair.refresh


@pytest.mark.usefixtures("unlimited")
class TestRenewing:
    def test_gives_a_new_pair_and_the_old_token_is_dead(self, anybody: Api) -> None:
        old = issue_pair(make_user())
        new = anybody.post("auth/token/refresh", {"refresh": old.refresh})
        assert new.status_code == 200
        assert new.data["refresh"] != old.refresh
        assert_problem(anybody.post("auth/token/refresh", {"refresh": old.refresh}), 401, "not-authenticated")
        assert anybody.post("auth/token/refresh", {"refresh": new.data["refresh"]}).status_code == 200

    def test_of_racing_ones_with_one_token_one_wins(self, anybody: Api) -> None:
        refresh = issue_pair(make_user()).refresh

        def renew(_: int) -> Any:
            try:
                return anybody.post("auth/token/refresh", {"refresh": refresh})
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(renew, range(6)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]

    def test_follows_what_became_of_the_account(self, anybody: Api) -> None:
        user = make_user()
        pair = issue_pair(user)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        renewed = anybody.post("auth/token/refresh", {"refresh": pair.refresh}).data
        assert AccessToken(renewed["access"])["staff"] is True
        User.objects.filter(pk=user.pk).update(is_active=False)
        assert_problem(anybody.post("auth/token/refresh", {"refresh": renewed["refresh"]}), 401, "not-authenticated")

    def test_refuses_whatever_is_not_a_living_refresh_token(self, anybody: Api) -> None:
        user = make_user()
        expired, unknown = RefreshToken.for_user(user), RefreshToken.for_user(user)
        expired.set_exp(lifetime=-timedelta(seconds=1))
        for token in ("x", issue_pair(user).access, str(expired), str(unknown), "é" * 20):
            assert_problem(anybody.post("auth/token/refresh", {"refresh": token}), 401, "not-authenticated")
        assert_problem(anybody.post("auth/token/refresh", {"refresh": None}), 400, "validation-error", "#/refresh")

    def test_signing_out_makes_the_token_dead(self, anybody: Api) -> None:
        pair = issue_pair(make_user())
        for _ in range(2):
            answer = anybody.post("auth/logout", {"refresh": pair.refresh})
            assert (answer.status_code, answer.content) == (204, b"")
        assert_problem(anybody.post("auth/token/refresh", {"refresh": pair.refresh}), 401, "not-authenticated")
        assert_problem(anybody.post("auth/logout", {"refresh": "x"}), 401, "not-authenticated")


class TestCredentials:
    def test_me_needs_somebody(self, anybody: Api, staff: Api) -> None:
        assert_problem(anybody.get("auth/me"), 401, "not-authenticated")
        assert staff.get("auth/me").data["roles"] == ["user", "staff"]

    def test_a_bad_bearer_is_401_also_where_nobody_has_to_sign_in(self, anybody: Api, owner: Api) -> None:
        user = make_user()
        sleeping = make_user(is_active=False)
        expired = AccessToken.for_user(user)
        expired.set_exp(lifetime=-timedelta(seconds=1))
        headers = [
            "Bearer x",
            "Bearer",
            "",
            "Basic YTpi",
            f"Bearer {issue_pair(user).refresh}",
            f"Bearer {expired}",
            f"Bearer {AccessToken.for_user(sleeping)}",
        ]
        for header in headers:
            for path in ("polls", "auth/me", f"polls/{owner.make_poll()['id']}"):
                answer = anybody.get(path, headers={"Authorization": header})
                assert_problem(answer, 401, "not-authenticated")
                assert answer["WWW-Authenticate"] == "Bearer"

    @pytest.mark.usefixtures("unlimited")
    def test_csrf_is_asked_only_where_a_session_authenticates(self, owner: Api) -> None:
        assert owner.user is not None
        browser = Client(enforce_csrf_checks=True)
        assert browser.post("/api/v1/auth/register", ANNA, content_type="application/json").status_code == 201
        browser.force_login(owner.user)
        assert browser.get("/api/v1/auth/me").json()["username"] == "olga"
        refused = browser.post("/api/v1/polls", poll_body(), content_type="application/json")
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/permission-denied")
        browser.cookies["csrftoken"] = "a" * 32
        passed = browser.post("/api/v1/polls", poll_body(), content_type="application/json", headers={"X-CSRFToken": "a" * 32})
        assert passed.status_code == 201
        bearer = browser.post(
            "/api/v1/polls", poll_body(), content_type="application/json", headers={"Authorization": f"Bearer {issue_pair(owner.user).access}"}
        )
        assert bearer.status_code == 201
        bad = browser.post("/api/v1/polls", poll_body(), content_type="application/json", headers={"Authorization": "Bearer x", "X-CSRFToken": "a" * 32})
        assert bad.status_code == 401


class TestLimits:
    def test_registering_and_signing_in_are_limited_per_address(self, anybody: Api, settings: Settings) -> None:
        settings.AUTH_RATE_LIMIT = "3/hour"
        settings.REDIS_PREFIX = "nexus-test-accounts"
        for key in sync_redis().scan_iter(f"{settings.REDIS_PREFIX}:*"):
            sync_redis().delete(key)
        auth_limit.cache_clear()
        try:
            answers = [anybody.post("auth/token", {}) for _ in range(4)]
        finally:
            auth_limit.cache_clear()
        assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
        assert "RateLimit-Policy" in answers[0]
        assert_problem(answers[3], 429, "rate-limited")
        assert int(answers[3]["Retry-After"]) >= 1
        assert "RateLimit" in answers[3]


def test_pages_of_allowed_origins_may_read_answers_and_no_others(anybody: Api, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    allowed, foreign = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
    for answer in (anybody.get("polls", headers=allowed), anybody.get("auth/me", headers=allowed)):
        assert answer["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Origin" in answer["Vary"]
    preflight = anybody.call("OPTIONS", "auth/token", headers=allowed | {"Access-Control-Request-Method": "POST"})
    assert (preflight.status_code, preflight["Access-Control-Allow-Methods"]) == (204, "POST, OPTIONS")
    assert "Access-Control-Allow-Origin" not in anybody.get("polls", headers=foreign)
