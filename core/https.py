"""What an https PUBLIC_URL asks of every answer: that nobody talks to us in the clear."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from django.conf import settings

from core.clients import is_from_trusted_proxy
from core.lean import answer

if TYPE_CHECKING:
    from core.lean import Scope, Send


def is_secure(scope: Scope) -> bool:
    """Whether the client speaks TLS, with us or with a trusted proxy that says so."""
    if scope["scheme"] in {"https", "wss"}:
        return True
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    return forwarded[-1:] == [b"https"] and is_from_trusted_proxy(scope)


async def redirect_to_https(scope: Scope, send: Send) -> None:
    """Sends the client to the same place under PUBLIC_URL; 308 keeps the method, whose body has then gone in the clear once only."""
    target = f"https://{urlsplit(settings.PUBLIC_URL).netloc}{quote(scope['path'])}"
    query = scope["query_string"].decode("latin-1")
    location = target + (f"?{query}" if query else "")
    status = 301 if scope["method"] in {"GET", "HEAD"} else 308
    await answer(send, status, [(b"location", location.encode("latin-1")), (b"cache-control", b"no-store")], head=scope["method"] == "HEAD")


def hsts_headers() -> tuple[tuple[bytes, bytes], ...]:
    """Strict-Transport-Security, for answers over TLS."""
    value = f"max-age={settings.SECURE_HSTS_SECONDS}" + ("; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else "")
    return ((b"strict-transport-security", (value + ("; preload" if settings.SECURE_HSTS_PRELOAD else "")).encode()),)
