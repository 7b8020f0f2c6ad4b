"""Wrong passwords slow down whoever guesses, and never lock out the owner where they have been before."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from pytest_django import Settings

from core.accounts import sign_in as module
from core.accounts.sign_in import remember_network, sign_in
from core.errors import RateLimited, Unavailable
from core.rates import Rate
from core.redis import sync_redis
from tests.factories import make_user

PASSWORD = "correct horse battery"
HOME, CAFE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def small_limits(committed_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_PREFIX, settings.AUTH_RATE_LIMIT = f"test-{uuid.uuid4().hex}", "20/minute"
    monkeypatch.setattr(module, "FROM_A_NETWORK", Rate(3, 3600))
    monkeypatch.setattr(module, "FROM_STRANGERS", Rate(8, 3600))
    make_user("anna")


def try_to(password: str = PASSWORD, *, address: str = HOME, username: str = "anna") -> bool | None:
    """Whether that signed in; None where it was not even looked at."""
    try:
        return sign_in(None, username=username, password=password, address=address) is not None
    except RateLimited as limited:
        assert limited.retry_after
        assert limited.headers["RateLimit-Policy"].startswith('"sign-in"')
        return None


def attack(networks: int) -> list[bool | None]:
    return [try_to("wrong", address=f"203.0.113.{network}") for network in range(networks) for _ in range(3)]


def test_after_some_wrong_passwords_one_network_has_to_wait_and_others_have_not() -> None:
    assert [try_to("wrong", address=CAFE) for _ in range(5)] == [False, False, False, None, None]
    assert try_to(address=CAFE) is None, "a right one is not looked at either: else guessing would go on"
    assert try_to(address=HOME) is True


def test_right_passwords_cost_nothing() -> None:
    assert [try_to() for _ in range(10)] == [True] * 10


def test_an_attack_from_many_networks_stops_strangers_but_not_who_has_been_there_before() -> None:
    assert try_to(address=HOME) is True
    answers = attack(5)
    assert answers.count(False) == 8
    assert try_to(address=CAFE) is None, "a stranger"
    assert [try_to(address=HOME) for _ in range(3)] == [True] * 3


def test_whoever_proves_to_hold_the_mailbox_is_let_in_amid_an_attack() -> None:
    attack(5)
    assert try_to(address=CAFE) is None
    remember_network("anna", CAFE)
    assert try_to(address=CAFE) is True


def test_accounts_that_do_not_exist_answer_alike_and_others_are_not_touched() -> None:
    make_user("bert")
    assert [try_to("wrong", username="nobody") for _ in range(4)] == [False, False, False, None]
    assert try_to(username="bert") is True


def test_tries_at_once_cannot_outrun_the_count() -> None:
    def guess(_: int) -> bool | None:
        try:
            return try_to("wrong", address=CAFE)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(16)))
    assert answers.count(False) == 3


def test_redis_holds_neither_names_nor_addresses(settings: Settings) -> None:
    try_to("wrong")
    try_to()
    keys = list(sync_redis().scan_iter(f"{settings.REDIS_PREFIX}:*"))
    assert keys
    assert not any(b"anna" in key or HOME.encode() in key for key in keys)


def test_off_counts_nothing(settings: Settings) -> None:
    settings.AUTH_RATE_LIMIT = "off"
    assert [try_to("wrong") for _ in range(6)] == [False] * 6


def test_without_redis_the_setting_decides(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError

    monkeypatch.setattr(module, "sync_redis", away)
    assert try_to() is True
    settings.RATE_LIMIT_FAIL_OPEN = False
    with pytest.raises(Unavailable):
        try_to()
