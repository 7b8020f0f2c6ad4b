"""Which names we answer to: ALLOWED_HOSTS, asked before anything else is done with a request."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.http.request import split_domain_port, validate_host
from django.template.loader import render_to_string

from core.errors import BadRequest, NexusError
from core.hot_settings import hot

if TYPE_CHECKING:
    from core.lean import Scope

_REMEMBERED = 1000  # spellings of our own names, with and without their port


class _Known:
    """The `Host` values found to be ours, as long as ALLOWED_HOSTS is the same."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] = ()
        self.values: set[bytes] = set()


_known = _Known()


def check_host(scope: Scope) -> None:
    """Raises `BadRequest` for a request that does not name us, once, in its `Host`.

    Any name can be made to point here; pages that another name leads to would share our cookies' origin checks, caches and links.
    """
    named = [value for name, value in scope["headers"] if name == b"host"]
    if len(named) != 1:
        raise BadRequest("This server does not answer to that name.")
    check_host_name(named[0])


def check_host_name(value: bytes) -> None:
    """The same of the one `Host` that a request names."""
    allowed = hot.ALLOWED_HOSTS
    if _known.allowed is not allowed:
        _known.allowed, _known.values = allowed, set()
    if value not in _known.values and not _is_ours(value):
        raise BadRequest("This server does not answer to that name.")


def _is_ours(value: bytes) -> bool:
    domain, _ = split_domain_port(value.decode("latin-1"))
    if not domain or not validate_host(domain, hot.ALLOWED_HOSTS):
        return False
    if len(_known.values) < _REMEMBERED:
        _known.values.add(value)
    return True


def refusal_page(error: NexusError) -> bytes:
    """What a person is told whose request no page could be asked about."""
    return _rendered("400.html" if error.status < 500 else "500.html")


@cache
def _rendered(template: str) -> bytes:
    return render_to_string(template, {"user": None}).encode()
