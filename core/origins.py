"""Which web origins may talk to us from a browser: our own, and those that CORS allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from core.errors import PermissionDenied

if TYPE_CHECKING:
    from core.lean import Headers


class Headed(Protocol):
    """A request, of whichever framework, as far as its headers go."""

    def header(self, name: bytes) -> str | None: ...


def check_origin(request: Headed) -> Headers:
    """The CORS headers for the answer; raises `PermissionDenied` for a foreign origin that is not allowed.

    A request without `Origin` does not come from a foreign page and passes.
    """
    origin = request.header(b"origin")
    if origin is None:
        return []
    if origin in settings.CORS_ALLOWED_ORIGINS:
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Voter-Token"),
            (b"vary", b"Origin"),
        ]
    if not is_own_origin(origin, request.header(b"host")):
        raise PermissionDenied("This origin may not use the API from a browser.")
    return []


def is_own_origin(origin: str, host: str | None) -> bool:
    """Whether `origin` is where we are reached: PUBLIC_URL, or the host that the request itself names."""
    public = urlsplit(settings.PUBLIC_URL)
    try:
        parsed = urlsplit(origin)
    except ValueError:  # what only looks like an address, such as http://[
        return False
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    # A host that we do not answer to proves nothing: DNS can point any name here.
    return parsed.scheme in {"http", "https"} and host is not None and parsed.netloc == host and validate_host(parsed.hostname or "", settings.ALLOWED_HOSTS)


def preflight_headers(request: Headed, allow: str) -> Headers:
    """What a CORS preflight of an allowed origin is told; nothing for anybody else."""
    origin = request.header(b"origin")
    if origin is None or origin not in settings.CORS_ALLOWED_ORIGINS:
        return []
    return [
        *check_origin(request),
        (b"access-control-allow-methods", allow.encode()),
        (
            b"access-control-allow-headers",
            b"Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-CSRFToken, X-Voter-Code, X-Voter-Token",
        ),
        (b"access-control-max-age", b"600"),
    ]
