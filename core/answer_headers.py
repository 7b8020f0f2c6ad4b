"""The headers that every answer carries, whoever made it: what a browser may do with it, and that nobody may put it into a frame."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from core.lean import Headers, Send

# Of a page: everything comes from here, nothing stands in the markup.
OWN_THINGS_ONLY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
PAGE_POLICY = f"{OWN_THINGS_ONLY}; frame-ancestors 'none'"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"  # of what is no page, should a browser ever take it for one

_POLICY = b"content-security-policy"
_NOBODY_FRAMES = b"frame-ancestors 'none'"
_UNFRAMED = (b"x-frame-options", b"DENY")  # the same for browsers that know no frame-ancestors
_EVERYWHERE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
DATA_POLICY_HEADERS = (*_EVERYWHERE, (_POLICY, DATA_POLICY.encode()), _UNFRAMED)
_ON_PAGES = (
    *_EVERYWHERE,
    (_POLICY, PAGE_POLICY.encode()),
    _UNFRAMED,
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def with_policies(send: Send, *, page: bool, more: Headers | None = None) -> Send:
    """Adds to an answer what it does not say itself; `more`: headers beside those that every answer gets.

    An answer's own Content-Security-Policy decides about frames: X-Frame-Options goes along with it.
    """
    usual = (*(_ON_PAGES if page else DATA_POLICY_HEADERS), *(more or ()))

    def adding(message: MutableMapping[str, Any]) -> Awaitable[None]:
        if message["type"] in _STARTS:
            given = {name.lower(): value for name, value in message.get("headers", ())}
            framed = _NOBODY_FRAMES not in given.get(_POLICY, _NOBODY_FRAMES)
            lacking = [header for header in usual if header[0] not in given and not (framed and header is _UNFRAMED)]
            message = {**message, "headers": [*message.get("headers", ()), *lacking]}
        return send(message)

    return adding
