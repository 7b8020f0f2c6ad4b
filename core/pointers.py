"""JSON pointers as URI fragments (RFC 6901, section 6). Pure."""

from __future__ import annotations

from urllib.parse import quote


def pointer_token(name: str) -> str:
    """`name` as one token of a pointer."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@")
