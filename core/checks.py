"""Looks for settings that would bite, before anything starts; every finding says what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.http.request import validate_host

from core.rates import parse_rate


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """Errors stop every command of `manage.py`; warnings are shown and passed over."""
    return [message for check in _CHECKS for message in check()]


register(check_settings, Tags.security)


def _rates() -> Iterator[CheckMessage]:
    for name in ("VOTE_RATE_LIMIT", "AUTH_RATE_LIMIT"):
        try:
            parse_rate(getattr(settings, name))
        except ValueError as error:
            yield Error(f"{name}: {error}.", id="nexus.E001")


def _proxies() -> Iterator[CheckMessage]:
    for cidr in settings.TRUSTED_PROXIES:
        try:
            network = ip_network(cidr, strict=False)
        except ValueError:
            yield Error(f"TRUSTED_PROXIES: {cidr!r} is not a network; write for example 10.0.0.0/8 or 127.0.0.1.", id="nexus.E002")
            continue
        if network.prefixlen == 0:
            yield Error(
                f"TRUSTED_PROXIES: {cidr} trusts everybody, so anybody can take any address and evade the rate limits.",
                hint="Name the networks of your proxies only.",
                id="nexus.E003",
            )


def _public_url() -> Iterator[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme not in {"http", "https"} or not url.hostname:
        yield Error(f"PUBLIC_URL: {settings.PUBLIC_URL!r} is not a web address; write for example https://vote.example.org.", id="nexus.E004")
        return
    if url.path not in {"", "/"} or url.query or url.fragment:
        yield Error("PUBLIC_URL: only scheme, host and port count; the server lives at the root of its host.", id="nexus.E005")
    if url.scheme == "https" and settings.DEBUG:
        yield Error("DEBUG=1 with an https PUBLIC_URL would show settings and source to visitors; set DEBUG=0.", id="nexus.E006")
    if url.scheme == "https" and not settings.TRUSTED_PROXIES:
        yield Caution(
            "PUBLIC_URL is https but TRUSTED_PROXIES is empty: behind a proxy every page would redirect for ever, and all voters would share one address.",
            hint="Set TRUSTED_PROXIES to the proxy's network, for example 127.0.0.1.",
            id="nexus.W001",
        )


def _hosts() -> Iterator[CheckMessage]:
    if "*" in settings.ALLOWED_HOSTS:
        yield Caution("ALLOWED_HOSTS=* answers to any name, so links in e-mails can be made to point elsewhere.", hint="List the real names.", id="nexus.W002")
    elif (host := urlsplit(settings.PUBLIC_URL).hostname) and not validate_host(host, [name.strip("[]") for name in settings.ALLOWED_HOSTS]):
        yield Caution("ALLOWED_HOSTS lacks the host of PUBLIC_URL: people who follow it get status 400.", id="nexus.W003")


def _origins() -> Iterator[CheckMessage]:
    for name in ("CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS"):
        for origin in getattr(settings, name):
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or not origin.isascii():
                yield Error(
                    f"{name}: {origin!r} is not an origin; write scheme and host, without a path, as browsers send it: https://example.org, https://xn--mnchen-3ya.example.",
                    id="nexus.E007",
                )


def _servers() -> Iterator[CheckMessage]:
    for name, schemes in (
        ("REDIS_URL", ("redis", "rediss", "unix", "redis+sentinel")),
        ("BROKER_URL", ("amqp", "amqps", "pyamqp", "redis", "rediss", "redis+socket")),
    ):
        scheme = getattr(settings, name).partition("://")[0]
        if scheme not in schemes:
            yield Error(f"{name}: it must begin with one of {', '.join(f'{known}://' for known in schemes)}.", id="nexus.E008")
        elif scheme != "redis+sentinel" and not _can_be_read(getattr(settings, name)):
            yield Error(f"{name}: it cannot be read; a / or # in its password is written %2F or %23.", id="nexus.E011")


def _can_be_read(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return port != 0 and not parts.fragment


def _amounts() -> Iterator[CheckMessage]:
    if not 0 < settings.PORT < 65_536:
        yield Error(f"PORT: {settings.PORT} is not a port; choose 1 to 65535.", id="nexus.E009")
    for name in _POSITIVE:
        if getattr(settings, name) <= 0:
            yield Error(f"{name}: {getattr(settings, name)} is too small; it must be above 0.", id="nexus.E010")
    if settings.WEB_SHUTDOWN_SECONDS <= settings.VOTE_DEADLINE_SECONDS:
        yield Caution("WEB_SHUTDOWN_SECONDS should be above VOTE_DEADLINE_SECONDS: a stop would leave votes in flight without an answer.", id="nexus.W004")


def _secrets() -> Iterator[CheckMessage]:
    if any(len(secret) < _SHORTEST_SECRET for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        yield Caution(
            f"SECRET_KEY and each of SECRET_KEY_FALLBACKS should have {_SHORTEST_SECRET} characters or more: whoever guesses one signs in as anybody.",
            id="nexus.W006",
        )
    if settings.VOTER_KEY_SECRET == settings.SECRET_KEY or len(settings.VOTER_KEY_SECRET) < _SHORTEST_SECRET:
        yield Caution("VOTER_KEY_SECRET should be a secret of its own, of 32 characters or more, and never change while polls are open.", id="nexus.W005")


_SHORTEST_SECRET = 32
_POSITIVE = (
    "WEB_WORKERS", "WORKER_CONCURRENCY", "VOTE_GROUP_LIMIT", "VOTE_QUEUE_LIMIT", "VOTE_DEADLINE_SECONDS", "RELAY_CUT_LIMIT", "REDIS_TIMEOUT_SECONDS",
    "WEB_BACKLOG", "WEB_REQUESTS_LIMIT", "VOTE_WAIT_SECONDS",
)  # fmt: skip

_CHECKS: tuple[Callable[[], Iterator[CheckMessage]], ...] = (_rates, _proxies, _public_url, _hosts, _origins, _servers, _amounts, _secrets)
