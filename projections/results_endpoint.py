"""`GET /api/v1/polls/{id}/results`: the lean ASGI handler; from memory it answers with a look-up and a comparison."""

from __future__ import annotations

from time import monotonic
from uuid import UUID

from core.answer_headers import send_whole
from core.errors import BadRequest
from core.lean import JSON_TYPE, Headers, LeanRequest, Send
from core.positions import open_position
from projections.admission import admit, check_admitted, not_older_than_seen
from projections.memory import Entry, memory
from projections.prepared import with_after
from projections.readers import readers
from projections.validators import matches, newest_seen

_ENTRIES = memory.entries


async def handle_results(request: LeanRequest, send: Send, poll_id: str) -> None:
    """Answers one request. Raises `NotFound`, `MethodNotAllowed`, `NotAuthenticated`, `PermissionDenied`, `BadRequest` or `Unavailable`."""
    headers = request.headers
    entry = _ENTRIES.get(poll_id)
    if (
        entry is not None
        and monotonic() < entry.until
        and entry.prepared.public
        and request.scope["method"] == "GET"
        and not request.scope["query_string"]
        and b"authorization" not in headers
        and b"x-voter-token" not in headers
        and b"origin" not in headers
    ):
        seen = headers.get(b"if-none-match")
        if seen is None or seen == entry.prepared.etag:
            await _send(send, entry, unchanged=seen is not None)
            return
        if not _is_newer(seen, entry):
            await _send(send, entry, unchanged=matches(seen, entry.prepared.etag))
            return
    await _handle_carefully(request, send, poll_id)


async def _handle_carefully(request: LeanRequest, send: Send, poll_id: str) -> None:
    """The same for every request that is not the common one."""
    admitted = await admit(request, send, poll_id)
    if admitted is None:
        return
    entry, cors = admitted
    if request.scope["query_string"] and (tokens := request.parameters("after")):
        await _answer_after(request, send, poll_id, tokens, cors)
        return
    entry = await not_older_than_seen(request, poll_id, entry)
    seen = request.headers.get(b"if-none-match")
    unchanged = seen is not None and matches(seen, entry.prepared.etag)
    await _send(send, entry, unchanged=unchanged, head=request.method == "HEAD", more=cors)


async def _answer_after(request: LeanRequest, send: Send, poll_id: str, tokens: list[str], cors: Headers) -> None:
    """Answers once the position is in, or after two seconds. Raises `BadRequest` for a token that is not one of this poll's."""
    if len(tokens) != 1:
        raise BadRequest("`after` may be given once.")
    position = open_position(tokens[0])
    if position.poll_id != UUID(poll_id):
        raise BadRequest("The position given as `after` is another poll's.")
    loader = readers().loader
    order = await readers().waiters.version_with(position)
    entry = await (loader.current(poll_id) if order is None else loader.at_least(poll_id, order))
    await check_admitted(request, entry)
    body = with_after(entry.prepared.body, included=order is not None and entry.document.order >= order)
    headers = [JSON_TYPE, (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"), *cors]
    await send_whole(send, 200, headers, b"" if request.method == "HEAD" else body)


def _is_newer(seen: bytes, entry: Entry) -> bool:
    order = newest_seen(seen)
    return order is not None and order > entry.document.order


async def _send(send: Send, entry: Entry, *, unchanged: bool, head: bool = False, more: Headers | None = None) -> None:
    prepared = entry.prepared
    headers = prepared.headers_unchanged if unchanged else prepared.headers
    await send_whole(send, 304 if unchanged else 200, (*headers, *more) if more else headers, b"" if head or unchanged else prepared.body)
