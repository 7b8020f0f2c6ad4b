"""What pages and the API read of poll cards and results; plain functions that talk to PostgreSQL as the results role."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from projections.document import ResultsDocument
from projections.memory import memory
from projections.models import PollCard
from projections.rendering import select_documents

_RESULTS = "results"


def poll_card(*, poll_id: UUID) -> PollCard | None:
    """The poll's card, drafts too: whether the reader may see it is the caller's to ask."""
    return PollCard.objects.using(_RESULTS).filter(poll_id=poll_id).first()


def poll_card_by_slug(*, slug: str) -> PollCard | None:
    """As `poll_card`, by the readable name."""
    return PollCard.objects.using(_RESULTS).filter(slug=slug).first()


def is_final(poll_id: UUID) -> bool:
    """Whether the poll's results will not change any more, by the database that decides it; answers `core.ports`."""
    return PollCard.objects.filter(poll_id=poll_id, final=True).exists()


def results_document(*, poll_id: UUID) -> ResultsDocument | None:
    """The poll's results, from this process's memory while fresh there (at most a second old), else from PostgreSQL.

    Whether the reader may see them is the caller's to ask, of `projections.visibility.check_may_see`.
    """
    remembered = memory.fresh_document(str(poll_id))
    if remembered is not None:
        return remembered
    with connections[_RESULTS].cursor() as cursor:
        return next(iter(select_documents(cursor, [poll_id])), None)
