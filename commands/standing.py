"""Which ballot stands: what a voter may ask about their own vote."""

from __future__ import annotations

from uuid import UUID

from commands.ballots import Finding
from commands.casting import ballot_holder, votable_rules
from commands.code_check import check_code
from commands.engine import engine
from commands.rules import PollRules
from commands.voters import known_voter
from core.credentials import Credentials
from core.errors import NotAuthenticated, NotFound, PermissionDenied

_NO_KEY = UUID(int=0)


async def standing_ballot(poll_id: UUID, credentials: Credentials) -> tuple[PollRules, Finding]:
    """The poll's rules and the voter's standing ballot. Raises `NotFound` when there is none, else as `ballot_holder`."""
    parts = engine()
    await parts.rules.get(poll_id, fresh=True)  # who counts as one voter may have been changed just now
    rules = await votable_rules(parts, poll_id, credentials)
    voter = ballot_holder(rules, credentials)
    await check_code(parts, rules, voter, credentials)
    found = await parts.lookups.finding(poll_id, voter.key, _NO_KEY)
    if not found.holds_ballot:
        raise NotFound("You have no ballot in this poll.")
    return rules, found


async def holds_ballot(credentials: Credentials, poll_id: UUID) -> bool:
    """Whether the voter behind the credentials has a ballot standing in the poll; answers `core.ports`.

    Nobody ever voted with a code that is none, so whether it is one need not be asked. Raises `NotFound` for an unknown poll, `NotAuthenticated`
    for a bad token, `Unavailable` while the log cannot be asked.
    """
    parts = engine()
    rules = await parts.rules.get(poll_id)
    try:
        voter = known_voter(rules, credentials)
    except PermissionDenied:
        return False
    except NotAuthenticated:
        if credentials.voter_header is not None:
            raise
        return False
    if voter is None:
        return False
    return (await parts.lookups.finding(poll_id, voter.key, _NO_KEY)).holds_ballot
