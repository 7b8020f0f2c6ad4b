"""Reads a Sentinel address out of REDIS_URL: `redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/database]`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

SCHEME = "redis+sentinel"
_PORT = 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelAddress:
    """Whom to ask, and for which service. The login is the one of Redis itself."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None


def parse_sentinel_url(url: str) -> SentinelAddress | None:
    """The address in `url`, None when it has another scheme. Raises `ValueError` when something of it is missing or no number."""
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    sentinels = tuple(_host_and_port(host) for host in hosts.split(",") if host)
    if not sentinels or not service:
        raise ValueError(f"a Sentinel address is {SCHEME}://host:port,host:port/service/database")
    return SentinelAddress(
        sentinels=sentinels,
        service=unquote(service),
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port.lstrip(":") or _PORT)
    host, _, port = text.partition(":")
    return host, int(port or _PORT)
