"""The results of several polls as one table, for the admin's export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.utils import timezone

from core.times import rfc3339
from projections.document import ResultsDocument, share
from projections.exports.spreadsheet import defused
from projections.rendering import select_documents

MOST_POLLS = 1_000
HEADER = ("poll", "title", "state", "final", "as_of", "ballots", "question", "choice", "votes", "share")
_POLLS_PER_QUERY = 100


def polls_csv(poll_ids: Sequence[UUID]) -> bytes:
    """A row per choice, polls in the order given, from the tallies as they stand; texts cannot be taken for formulas."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(HEADER)
    now = timezone.now()
    for start in range(0, len(poll_ids), _POLLS_PER_QUERY):
        asked = poll_ids[start : start + _POLLS_PER_QUERY]
        with connections["results"].cursor() as cursor:
            found = {document.poll_id: document for document in select_documents(cursor, asked)}
        for poll_id in asked:
            if poll_id in found:
                rows.writerows(_rows(found[poll_id], now))
    return written.getvalue().encode()


def _rows(document: ResultsDocument, now: datetime) -> Iterator[tuple[object, ...]]:
    poll = (document.poll_id, defused(document.title), document.state(now), str(document.final).lower(), rfc3339(document.as_of), document.ballots)
    for question in document.questions:
        for choice in question.choices:
            yield *poll, defused(question.text), defused(choice.text), choice.votes, f"{share(choice.votes, question.ballots):.4f}"
