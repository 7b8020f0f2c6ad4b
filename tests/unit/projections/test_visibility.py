"""Who may see results, and when: the whole table of the rule."""

from __future__ import annotations

import uuid
from datetime import timedelta
from uuid import UUID

import pytest

from core.credentials import Credentials
from core.errors import NotFound, PermissionDenied
from core.ports import ports
from projections.visibility import check_may_see, everyone_may_see
from tests.unit.projections.documents import NOON, make_document

STRANGER = Credentials()
SIGNED_IN = Credentials(user_id=uuid.uuid4())
STAFF = Credentials(user_id=uuid.uuid4(), staff=True)
HAS_VOTED = Credentials(voter_cookie="voted")
OPEN = {"closes_at": NOON + timedelta(hours=1)}
CLOSED_BY_CLOCK = {"closes_at": NOON}
SEALED = {"closes_at": NOON + timedelta(hours=1), "sealed_at": NOON - timedelta(minutes=1)}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The polls that the write side was asked about; it knows only the voter with the cookie `voted`."""
    polls: list[UUID] = []

    async def holds_ballot(credentials: Credentials, poll_id: UUID) -> bool:
        polls.append(poll_id)
        return credentials.voter_cookie == "voted"

    monkeypatch.setattr(ports, "_ballot_lookup", holds_ballot)
    return polls


@pytest.mark.parametrize("times", [OPEN, CLOSED_BY_CLOCK, SEALED])
@pytest.mark.parametrize("results", ["always", "after_vote", "after_close", "owner"])
@pytest.mark.parametrize("draft", [False, True])
async def test_owner_and_staff_always_see(*, results: str, times: dict[str, object], draft: bool, asked: list[UUID]) -> None:
    document = make_document(results=results, draft=draft, **times)
    await check_may_see(document, Credentials(user_id=document.owner_id), NOON)
    await check_may_see(document, STAFF, NOON)
    assert asked == []


@pytest.mark.parametrize(
    ("results", "times", "allowed"),
    [
        ("always", OPEN, {"stranger", "voter"}),
        ("always", CLOSED_BY_CLOCK, {"stranger", "voter"}),
        ("after_vote", OPEN, {"voter"}),
        ("after_vote", CLOSED_BY_CLOCK, {"stranger", "voter"}),
        ("after_vote", SEALED, {"stranger", "voter"}),
        ("after_close", OPEN, set()),
        ("after_close", CLOSED_BY_CLOCK, {"stranger", "voter"}),
        ("after_close", SEALED, {"stranger", "voter"}),
        ("owner", OPEN, set()),
        ("owner", CLOSED_BY_CLOCK, set()),
        ("owner", SEALED, set()),
    ],
)
async def test_others_see_what_the_poll_says(results: str, times: dict[str, object], allowed: set[str]) -> None:
    document = make_document(results=results, **times)
    for name, credentials in (("stranger", STRANGER), ("stranger", SIGNED_IN), ("voter", HAS_VOTED)):
        if name in allowed:
            await check_may_see(document, credentials, NOON)
        else:
            with pytest.raises(PermissionDenied):
                await check_may_see(document, credentials, NOON)


@pytest.mark.parametrize("results", ["always", "after_vote", "after_close", "owner"])
async def test_a_draft_is_not_there_for_others(results: str, asked: list[UUID]) -> None:
    with pytest.raises(NotFound):
        await check_may_see(make_document(results=results, draft=True), HAS_VOTED, NOON)
    assert asked == []


async def test_the_write_side_is_asked_only_where_it_matters(asked: list[UUID]) -> None:
    for results in ("always", "after_close", "owner"):
        document = make_document(results=results, **CLOSED_BY_CLOCK)
        try:
            await check_may_see(document, STRANGER, NOON)
        except PermissionDenied:
            assert results == "owner"
    assert asked == []


def test_a_shared_cache_never_keeps_a_draft() -> None:
    assert not everyone_may_see(results="always", draft=True, state="draft")
