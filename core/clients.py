"""The client's network address, believed through trusted proxies only."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from core.hot_settings import hot

_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]+)\](?::\d+)?", re.ASCII)


@cache
def _trusted(cidrs: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(cidr, strict=False) for cidr in cidrs)


def client_address(scope: Any) -> str:
    """The address of the client of an ASGI scope: the peer, or behind `TRUSTED_PROXIES` the last untrusted hop of `X-Forwarded-For`.

    Empty where the transport has none (a Unix socket).
    """
    client = scope.get("client")
    address: str = client[0] if client else ""
    proxies = _trusted(hot.TRUSTED_PROXIES)
    if not proxies or not _is_trusted(address, proxies):
        return address
    for name, value in reversed(scope["headers"]):
        if name != b"x-forwarded-for":
            continue
        for hop in reversed(value.decode("latin-1").split(",")):
            try:
                candidate = str(ip_address(_without_port(hop.strip())))
            except ValueError:
                return address  # beyond this the header is not to be believed
            address = candidate
            if not _is_trusted(candidate, proxies):
                return address
    return address


def _without_port(hop: str) -> str:
    """Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`."""
    with_port = _WITH_PORT.fullmatch(hop)
    return hop if with_port is None else with_port[1] or with_port[2]


def address_of(request: Any) -> str:
    """The same for a request of Django or REST framework; under WSGI (Django's test client) from what stands for the ASGI scope there."""
    scope = getattr(request, "scope", None)
    if scope is None:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
        headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode("latin-1"))]
        scope = {"client": (request.META.get("REMOTE_ADDR", ""), 0), "headers": headers}
    return client_address(scope)


def is_from_trusted_proxy(scope: Any) -> bool:
    """Whether the peer itself is one of `TRUSTED_PROXIES`, so that what it forwards is to be believed."""
    client = scope.get("client")
    proxies = _trusted(hot.TRUSTED_PROXIES)
    return bool(proxies) and client is not None and _is_trusted(client[0], proxies)


def _is_trusted(address: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in proxies)
