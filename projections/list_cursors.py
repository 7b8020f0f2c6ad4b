"""Where a page of a list begins, as an opaque token. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.errors import BadRequest
from core.url_text import as_url_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORWARD, _BACKWARD = b"n", b"p"


@dataclass(frozen=True, slots=True)
class ListCursor:
    """The place of a poll in the list, newest first: the page is what lies after it, or before it."""

    created_at: datetime
    poll_id: UUID
    backward: bool = False

    def seal(self) -> str:
        micros = (self.created_at - _EPOCH) // timedelta(microseconds=1)
        raw = (_BACKWARD if self.backward else _FORWARD) + micros.to_bytes(8, "big", signed=True) + self.poll_id.bytes
        return as_url_text(raw)


def open_cursor(token: str) -> ListCursor:
    """Raises `BadRequest` for what is not a cursor of ours."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if len(raw) != 25 or raw[:1] not in {_FORWARD, _BACKWARD}:
            raise ValueError(token)
        created_at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[1:9], "big", signed=True))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise BadRequest("The parameter cursor is not one that a list gave.") from error
    return ListCursor(created_at, UUID(bytes=raw[9:]), backward=raw[:1] == _BACKWARD)
