"""Lets a reader's request in, or not: one order of checks for every lean handler that answers with results, in whatever form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.credentials import credentials_of
from core.errors import MethodNotAllowed, NotFound
from core.lean import answer
from core.origins import check_origin, preflight_headers
from core.ports import ports
from projections.readers import readers
from projections.validators import newest_seen
from projections.visibility import check_may_see

if TYPE_CHECKING:
    from core.lean import Headers, LeanRequest, Send
    from projections.memory import Entry

ALLOW = "GET, HEAD, OPTIONS"
POLL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def admit(request: LeanRequest, send: Send, poll_id: str) -> tuple[Entry, Headers] | None:
    """The poll's present results and the CORS headers for the answer; None when the request was answered already (OPTIONS).

    Raises `NotFound`, `MethodNotAllowed`, `NotAuthenticated`, `PermissionDenied` or `Unavailable`.
    """
    if POLL_ID.fullmatch(poll_id) is None:
        raise NotFound
    if request.method == "OPTIONS":
        await answer(send, 204, [(b"allow", ALLOW.encode()), *preflight_headers(request, ALLOW)])
        return None
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed(headers={"Allow": ALLOW})
    cors = [header for header in check_origin(request) if header[0] != b"vary"]  # what is prepared says already what varies
    if b"authorization" in request.headers:
        await credentials_of(request)  # a bad one is refused even where none is needed, and before anything is said of the poll
    check_voter_header(request)
    entry = await readers().loader.current(poll_id)
    await check_admitted(request, entry)
    return entry, cors


def check_voter_header(request: LeanRequest) -> None:
    """Raises `NotAuthenticated` for an `X-Voter-Token` that is none of ours, also where none is needed."""
    token = request.header(b"x-voter-token")
    if token is not None:
        ports.check_voter_token(token)


async def check_admitted(request: LeanRequest, entry: Entry) -> None:
    """Returns when whoever asks may see these results now; raises as `check_may_see`."""
    if not entry.prepared.public:
        await check_may_see(entry.document, await credentials_of(request), datetime.now(UTC))


async def not_older_than_seen(request: LeanRequest, poll_id: str, entry: Entry) -> Entry:
    """`entry`, or newer results when the request's `If-None-Match` names some: what a reader saw never goes back. Raises as `admit`."""
    seen = request.headers.get(b"if-none-match")
    order = None if seen is None else newest_seen(seen)
    if order is not None and order > entry.document.order:
        entry = await readers().loader.at_least(poll_id, order)
        await check_admitted(request, entry)
    return entry
