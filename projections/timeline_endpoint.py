"""`GET /api/v1/polls/{id}/results/timeline`: when the standing ballots were cast, by minute, hour or day."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from core.errors import BadRequest
from core.lean import JSON_TYPE, LeanRequest, Send, answer
from projections.admission import admit, not_older_than_seen
from projections.prepared import validator_headers
from projections.readers import readers
from projections.timeline import BUCKETS
from projections.validators import matches

_USUAL = "minute"


async def handle_timeline(request: LeanRequest, send: Send, poll_id: str) -> None:
    """Answers one request. Raises as `admit`, and `BadRequest` for an unknown bucket."""
    admitted = await admit(request, send, poll_id)
    if admitted is None:
        return
    entry, cors = admitted
    bucket = _bucket(request)
    entry = await not_older_than_seen(request, poll_id, entry)
    (epoch, version), body = await readers().timelines.body(UUID(poll_id), entry.document.order, bucket)
    etag = f'"{epoch}.{version}.{entry.prepared.state}"'.encode()
    headers = [*validator_headers(etag, public=entry.prepared.public, vary_by_origin=bool(settings.CORS_ALLOWED_ORIGINS)), *cors]
    seen = request.headers.get(b"if-none-match")
    if seen is not None and matches(seen, etag):
        await answer(send, 304, headers)
    else:
        await answer(send, 200, [JSON_TYPE, *headers], body, head=request.method == "HEAD")


def _bucket(request: LeanRequest) -> str:
    asked = request.parameters("bucket")
    if not asked:
        return _USUAL
    if len(asked) > 1 or asked[0] not in BUCKETS:
        raise BadRequest(f"The parameter bucket must be one of: {', '.join(BUCKETS)}; and it may be given once.")
    return asked[0]
