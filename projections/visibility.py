"""Who may see a poll's results, and when: one rule for JSON, streams, exports and pages."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from core.errors import NotFound, PermissionDenied
from core.events import CLOSED
from core.ports import ports

if TYPE_CHECKING:
    from core.credentials import Credentials
    from projections.document import ResultsDocument

_WHY_NOT = {
    "after_vote": "The results of this poll are for those who have voted, until it closes.",
    "after_close": "The results of this poll are shown once it is closed.",
    "owner": "The results of this poll are for its owner.",
}


def everyone_may_see(*, results: str, draft: bool, state: str) -> bool:
    """Whether a stranger may see them, so that a shared cache may keep them."""
    return not draft and (results == "always" or (state == CLOSED and results in {"after_vote", "after_close"}))


async def check_may_see(document: ResultsDocument, credentials: Credentials, now: datetime) -> None:
    """Returns when whoever asks may see these results at the moment `now` (aware).

    Raises `NotFound` for a draft that is not theirs, `PermissionDenied` otherwise. Asks the write side only in `after_vote` polls that are not
    closed, and then one question.
    """
    if credentials.staff or (credentials.user_id is not None and credentials.user_id == document.owner_id):
        return
    if document.draft:
        raise NotFound
    if everyone_may_see(results=document.results, draft=document.draft, state=document.state(now)):
        return
    if document.results == "after_vote" and await ports.holds_ballot(credentials, document.poll_id):
        return
    raise PermissionDenied(_WHY_NOT.get(document.results, ""))
