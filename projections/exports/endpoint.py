"""`GET /api/v1/polls/{id}/results.csv`, `.json` and `.pdf`: the results as attachments, for whoever may see them."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from core.lean import Headers, LeanRequest, Send, answer
from projections.admission import admit, check_admitted, not_older_than_seen
from projections.exports.attachments import content_disposition
from projections.exports.reports import reports
from projections.exports.spreadsheet import results_csv
from projections.kept_bodies import KeptBodies
from projections.memory import Entry
from projections.prepared import validator_headers
from projections.readers import readers
from projections.validators import matches

_TYPES = {"csv": b"text/csv; charset=utf-8", "json": b"application/json", "pdf": b"application/pdf"}
_csv = KeptBodies(most_bytes=8 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Attachment:
    """`entry` is what it was made of, `etag` of which version; `extension` says what it is."""

    entry: Entry
    extension: str
    etag: bytes
    body: bytes


async def handle_json(request: LeanRequest, send: Send, poll_id: str) -> None:
    """The JSON of `…/results`, byte for byte. Raises as `admit`."""
    admitted = await _admit(request, send, poll_id)
    if admitted is not None:
        entry, cors = admitted
        await _send(request, send, Attachment(entry, "json", entry.prepared.etag, entry.prepared.body), cors)


async def handle_csv(request: LeanRequest, send: Send, poll_id: str) -> None:
    """A row per choice. Raises as `admit`."""
    admitted = await _admit(request, send, poll_id)
    if admitted is not None:
        entry, cors = admitted
        await _send(request, send, Attachment(entry, "csv", entry.prepared.etag, _csv_of(entry)), cors)


async def handle_pdf(request: LeanRequest, send: Send, poll_id: str) -> None:
    """A report to hand round. Raises as `admit`; `Unavailable` also when too many reports are asked for."""
    admitted = await _admit(request, send, poll_id)
    if admitted is None:
        return
    entry, cors = admitted
    if _has_seen(request, entry.prepared.etag):
        await _send(request, send, Attachment(entry, "pdf", entry.prepared.etag, b""), cors)
        return
    report = await reports().of(entry)
    if report.entry is not entry:  # that took a while: who may see it may have changed since
        await check_admitted(request, await readers().loader.current(poll_id))
        await check_admitted(request, report.entry)
    await _send(request, send, Attachment(report.entry, "pdf", report.etag, report.body), cors)


async def _admit(request: LeanRequest, send: Send, poll_id: str) -> tuple[Entry, Headers] | None:
    admitted = await admit(request, send, poll_id)
    if admitted is None:
        return None
    entry, cors = admitted
    return await not_older_than_seen(request, poll_id, entry), cors


async def _send(request: LeanRequest, send: Send, attachment: Attachment, cors: Headers) -> None:
    document, extension = attachment.entry.document, attachment.extension
    public = attachment.entry.prepared.public
    validators = [*validator_headers(attachment.etag, public=public, vary_by_origin=bool(settings.CORS_ALLOWED_ORIGINS)), *cors]
    if _has_seen(request, attachment.etag):
        await answer(send, 304, validators)
        return
    disposition = content_disposition(title=document.title, slug=document.slug, extension=extension)
    described = [(b"content-type", _TYPES[extension]), (b"content-disposition", disposition)]
    await answer(send, 200, [*described, *validators], attachment.body, head=request.method == "HEAD")


def _has_seen(request: LeanRequest, etag: bytes) -> bool:
    seen = request.headers.get(b"if-none-match")
    return seen is not None and matches(seen, etag)


def _csv_of(entry: Entry) -> bytes:
    document = entry.document
    tag = b"%d.%d" % document.order
    body = _csv.get(document.poll_id, tag)
    if body is None:
        body = results_csv(document)
        _csv.keep(document.poll_id, tag, body)
    return body
