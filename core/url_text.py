"""Bytes as text that may stand in a URL, a header or a cookie: base64 with `-` and `_` and without padding (RFC 4648, section 5)."""

from __future__ import annotations

from binascii import b2a_base64

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def as_url_text(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()
