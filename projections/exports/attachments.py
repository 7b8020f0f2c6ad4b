"""What an attachment is called: `Content-Disposition` that old and new clients understand (RFC 6266, RFC 5987). Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

_LONGEST_BYTES = 150  # file systems take 255, and clients add " (1)"
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff<>:"/\\|?*]+')


def content_disposition(*, title: str, slug: str, extension: str) -> bytes:
    """The header's value: the poll's title as the name, its slug for clients that only know ASCII."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", slug) or "results"
    named = file_name(title) or plain
    return f"attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{quote(named, safe='')}.{extension}".encode("ascii")


def file_name(title: str) -> str:
    """The title as a file's name without extension: no separators, no control or direction characters, not hidden, not too long; may be empty."""
    words = " ".join(_UNFIT.sub(" ", title).split())
    return words.encode()[:_LONGEST_BYTES].decode(errors="ignore").strip(" .")
