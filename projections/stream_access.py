"""Lets a client in to follow a poll's results: by what its request brings or by a ticket, with the results as they stand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from core.credentials import Credentials, credentials_of
from core.errors import BadRequest, Unavailable
from projections.admission import check_voter_header
from projections.channels import hub
from projections.frames import seen_version
from projections.readers import readers
from projections.tickets import redeem_ticket
from projections.visibility import check_may_see

if TYPE_CHECKING:
    from core.lean import LeanRequest
    from projections.frames import Frame
    from projections.memory import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`entry`: the results, not older than what the client saw; `seen`: the version that it says it has; `may_see` raises once it may no longer."""

    entry: Entry
    seen: int | None
    may_see: Callable[[Frame], Awaitable[None]]

    @property
    def has_all(self) -> bool:
        """The results are final, and the client has them."""
        return self.entry.document.final and self.seen == self.entry.document.version


async def open_to(request: LeanRequest, poll_id: str) -> Access:
    """Raises `BadRequest`, `NotAuthenticated`, `NotFound`, `PermissionDenied`, or `Unavailable` (also where too many follow already)."""
    credentials = await _credentials(request, UUID(poll_id))
    if hub().listening >= settings.STREAMS_LIMIT:
        raise Unavailable("Too many follow results here already; try again later.", retry_after=5)

    async def may_see(shown: Frame | Entry) -> None:
        if not shown.prepared.public:
            await check_may_see(shown.document, await credentials(), datetime.now(UTC))

    loader = readers().loader
    entry = await loader.current(poll_id)
    await may_see(entry)
    seen = seen_version(request.header(b"last-event-id"))
    if seen is not None and seen > entry.document.version:  # what a reader saw never goes back; an epoch never lowers versions
        entry = await loader.at_least(poll_id, (entry.document.epoch, seen))
        await may_see(entry)
    return Access(entry=entry, seen=seen, may_see=may_see)


async def _credentials(request: LeanRequest, poll_id: UUID) -> Callable[[], Awaitable[Credentials]]:
    """How to ask, now and at every event, who is there. Raises for a bad Bearer or voter token and for a bad ticket.

    No other parameter says anything: addresses end up in logs, so a token in one counts for nothing.
    """
    if b"authorization" in request.headers:
        await credentials_of(request)  # a bad one is refused even where none is needed
    check_voter_header(request)
    tickets = request.parameters("ticket")
    if len(tickets) > 1:
        raise BadRequest("`ticket` may be given once.")
    if not tickets:
        return lambda: credentials_of(request)
    return (await redeem_ticket(tickets[0], poll_id)).present
