"""One state of a poll's results as events, encoded once for all who follow them: server-sent events and WebSocket texts. Pure."""

from __future__ import annotations

import re
from functools import cached_property

from projections.document import ResultsDocument
from projections.prepared import Prepared
from projections.validators import Order

RESULTS, CLOSED = "results", "closed"
COMMENT = b": still here\n\n"

_LINE_END = re.compile(rb"\r\n|\r|\n")
_EVENT_ID = re.compile(r"[0-9]{1,18}")


class Frame:
    """The answer that `GET …/results` would give while it is `prepared`, as events. The event's id is the version."""

    def __init__(self, document: ResultsDocument, prepared: Prepared) -> None:
        self.document, self.prepared = document, prepared

    @property
    def order(self) -> Order:
        return self.document.order

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def final(self) -> bool:
        """Nothing will change any more: whoever follows is told so, and that is the end."""
        return self.document.final

    def follows(self, other: Frame) -> bool:
        """Whether it is later than `other`: by its version, or the same version once the clock has ended the other's state."""
        if self.order != other.order:
            return self.order > other.order
        turned, turns = other.prepared.turns_at, self.prepared.turns_at
        return turned is not None and (turns is None or turns > turned)

    @cached_property
    def sse(self) -> bytes:
        return sse_event(RESULTS, self.version, self.prepared.body)

    @cached_property
    def sse_closed(self) -> bytes:
        return sse_event(CLOSED, self.version, self.prepared.body)

    @cached_property
    def text(self) -> str:
        return socket_text(RESULTS, self.version, self.prepared.body)

    @cached_property
    def text_closed(self) -> str:
        return socket_text(CLOSED, self.version, self.prepared.body)


def sse_event(event: str, version: int, data: bytes) -> bytes:
    """An event as HTML's "Server-sent events" frames it: every line of the data has a field of its own."""
    lines = b"".join(b"data: " + line + b"\n" for line in _LINE_END.split(data))
    return f"event: {event}\nid: {version}\n".encode() + lines + b"\n"


def socket_text(event: str, version: int, data: bytes) -> str:
    """`{"event", "id", "data"}`; `data` is JSON already."""
    return f'{{"event":"{event}","id":{version},"data":{data.decode()}}}'


def seen_version(event_id: str | None) -> int | None:
    """The version that a `Last-Event-ID` names; None for none and for what we never gave out: such a reader has seen nothing."""
    return int(event_id) if event_id is not None and _EVENT_ID.fullmatch(event_id) else None
