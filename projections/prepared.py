"""One answer of `GET …/results`, made ready to be sent many times: bytes and headers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.lean import JSON_TYPE
from projections.document import ResultsDocument
from projections.visibility import everyone_may_see

Headers = tuple[tuple[bytes, bytes], ...]

FOR_EVERYONE = b"public, max-age=1, stale-while-revalidate=5"
FOR_SOME = b"private, no-store"
CREDENTIAL_HEADERS = b"Authorization, Cookie, X-Voter-Token, X-Voter-Code"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The answer while the poll is in one state. `public`: a stranger may see it. `turns_at`: when the state ends, if the clock alone ends it."""

    state: str
    public: bool
    turns_at: datetime | None
    etag: bytes
    body: bytes
    headers: Headers
    headers_unchanged: Headers


def prepare(document: ResultsDocument, now: datetime, *, vary_by_origin: bool) -> Prepared:
    """The answer at the moment `now` (aware). `vary_by_origin`: some origins are told more, so caches must keep them apart."""
    state = document.state(now)
    public = everyone_may_see(results=document.results, draft=document.draft, state=state)
    etag = document.etag(state).encode()
    body = document.body(state)
    validators = validator_headers(etag, public=public, vary_by_origin=vary_by_origin)
    return Prepared(
        state=state,
        public=public,
        turns_at=next_turn(document, now),
        etag=etag,
        body=body,
        headers=(JSON_TYPE, (b"content-length", b"%d" % len(body)), *validators),
        headers_unchanged=validators,
    )


def validator_headers(etag: bytes, *, public: bool, vary_by_origin: bool) -> Headers:
    """`ETag`, `Cache-Control` and `Vary` of an answer made of results, in whatever form; the same with 200 and 304."""
    vary = [name for name, wanted in ((CREDENTIAL_HEADERS, not public), (b"Origin", vary_by_origin)) if wanted]
    named: Headers = ((b"vary", b", ".join(vary)),) if vary else ()
    return ((b"etag", etag), (b"cache-control", FOR_EVERYONE if public else FOR_SOME), *named)


def next_turn(document: ResultsDocument, now: datetime) -> datetime | None:
    """When the poll's state next changes by the clock alone; None when it never does."""
    if document.draft or document.sealed_at is not None:
        return None
    return min((moment for moment in (document.opens_at, document.closes_at) if moment is not None and moment > now), default=None)


def with_after(body: bytes, *, included: bool) -> bytes:
    """The body with `includes_after`, for a reader who asked for a position."""
    return body[:-1] + (b',"includes_after":true}' if included else b',"includes_after":false}')
