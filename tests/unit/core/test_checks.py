"""Settings that would bite are named before anything starts."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from core.checks import check_settings

GOOD: dict[str, Any] = {
    "DEBUG": False,
    "PORT": 8000,
    "PUBLIC_URL": "https://vote.example.org",
    "ALLOWED_HOSTS": ["vote.example.org"],
    "TRUSTED_PROXIES": ["10.0.0.0/8"],
    "CSRF_TRUSTED_ORIGINS": [],
    "CORS_ALLOWED_ORIGINS": ["https://other.example.org"],
    "VOTE_RATE_LIMIT": "60/minute",
    "AUTH_RATE_LIMIT": "off",
    "REDIS_URL": "unix:///run/redis.sock?db=1",
    "BROKER_URL": "amqp://guest@127.0.0.1//",
    "SECRET_KEY": "s" * 50,
    "SECRET_KEY_FALLBACKS": ["t" * 50],
    "VOTER_KEY_SECRET": "v" * 50,
    "WEB_SHUTDOWN_SECONDS": 10,
    "VOTE_DEADLINE_SECONDS": 5.0,
}


def found(settings: Settings, **changed: Any) -> list[str | None]:
    for name, value in (GOOD | changed).items():
        setattr(settings, name, value)
    return [message.id for message in check_settings()]


def test_good_settings_pass(settings: Settings) -> None:
    assert found(settings) == []


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"VOTE_RATE_LIMIT": "60/min"}, "nexus.E001"),
        ({"AUTH_RATE_LIMIT": ""}, "nexus.E001"),
        ({"TRUSTED_PROXIES": ["10.0.0.0/33"]}, "nexus.E002"),
        ({"TRUSTED_PROXIES": ["0.0.0.0/0"]}, "nexus.E003"),
        ({"TRUSTED_PROXIES": ["::/0"]}, "nexus.E003"),
        ({"PUBLIC_URL": "vote.example.org"}, "nexus.E004"),
        ({"PUBLIC_URL": "https://vote.example.org/polls"}, "nexus.E005"),
        ({"DEBUG": True}, "nexus.E006"),
        ({"TRUSTED_PROXIES": []}, "nexus.W001"),
        ({"ALLOWED_HOSTS": ["*"]}, "nexus.W002"),
        ({"ALLOWED_HOSTS": ["localhost"]}, "nexus.W003"),
        ({"CORS_ALLOWED_ORIGINS": ["other.example.org"]}, "nexus.E007"),
        ({"CSRF_TRUSTED_ORIGINS": ["https://other.example.org/path"]}, "nexus.E007"),
        ({"REDIS_URL": "http://127.0.0.1"}, "nexus.E008"),
        ({"BROKER_URL": "memory://"}, "nexus.E008"),
        ({"BROKER_URL": "amqp://guest:a/b@127.0.0.1//"}, "nexus.E011"),
        ({"REDIS_URL": "redis://:a#b@127.0.0.1/0"}, "nexus.E011"),
        ({"SECRET_KEY": "short"}, "nexus.W006"),
        ({"SECRET_KEY_FALLBACKS": ["t" * 50, ""]}, "nexus.W006"),
        ({"PORT": 0}, "nexus.E009"),
        ({"WEB_WORKERS": 0}, "nexus.E010"),
        ({"VOTER_KEY_SECRET": "s" * 50}, "nexus.W005"),
        ({"WEB_SHUTDOWN_SECONDS": 5}, "nexus.W004"),
    ],
)
def test_each_trap_is_found_and_nothing_else(settings: Settings, changed: dict[str, Any], finding: str) -> None:
    assert found(settings, **changed) == [finding]


def test_a_subdomain_pattern_covers_the_public_host(settings: Settings) -> None:
    assert found(settings, ALLOWED_HOSTS=[".example.org"]) == []


def test_the_url_of_a_server_is_not_repeated_since_it_may_hold_a_password(settings: Settings) -> None:
    for name, value in (GOOD | {"REDIS_URL": "http://:hunter2@127.0.0.1"}).items():
        setattr(settings, name, value)
    assert "hunter2" not in str(check_settings())
