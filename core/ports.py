"""What one part asks of another without knowing it; `core/wiring.py` plugs the answers in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from core.credentials import Credentials
    from core.events import AccountClosed, PollEvent

PollSubscriber = Callable[["PollEvent"], None]
AccountSubscriber = Callable[["AccountClosed"], None]
VoterTokenCheck = Callable[[str], object]
BallotLookup = Callable[["Credentials", UUID], Awaitable[bool]]
FinalityLookup = Callable[[UUID], bool]


class NotWiredError(RuntimeError):
    """A port was used before the composition root plugged an answer in."""


class Ports:
    """The sockets. One instance, `ports`, per process."""

    def __init__(self) -> None:
        self._poll_subscribers: list[PollSubscriber] = []
        self._account_subscribers: list[AccountSubscriber] = []
        self._ballot_lookup: BallotLookup | None = None
        self._voter_token_check: VoterTokenCheck | None = None
        self._finality_lookup: FinalityLookup | None = None

    def subscribe_to_polls(self, subscriber: PollSubscriber) -> None:
        if subscriber not in self._poll_subscribers:
            self._poll_subscribers.append(subscriber)

    def publish(self, event: PollEvent) -> None:
        """Hands the event to every subscriber, inside the caller's transaction; a subscriber that raises undoes it."""
        if not self._poll_subscribers:
            raise NotWiredError
        for subscriber in self._poll_subscribers:
            subscriber(event)

    def subscribe_to_accounts(self, subscriber: AccountSubscriber) -> None:
        if subscriber not in self._account_subscribers:
            self._account_subscribers.append(subscriber)

    def publish_account(self, event: AccountClosed) -> None:
        """As `publish`, of what happened to an account."""
        if not self._account_subscribers:
            raise NotWiredError
        for subscriber in self._account_subscribers:
            subscriber(event)

    def answer_ballot_lookup(self, lookup: BallotLookup) -> None:
        self._ballot_lookup = lookup

    def answer_voter_token_check(self, check: VoterTokenCheck) -> None:
        self._voter_token_check = check

    def check_voter_token(self, text: str) -> None:
        """Raises `NotAuthenticated` when `X-Voter-Token` is no token of ours."""
        if self._voter_token_check is None:
            raise NotWiredError
        self._voter_token_check(text)

    def answer_finality_lookup(self, lookup: FinalityLookup) -> None:
        self._finality_lookup = lookup

    def is_final(self, poll_id: UUID) -> bool:
        """Whether every vote of the poll is counted and nothing of its results will change any more. Asks the database."""
        if self._finality_lookup is None:
            raise NotWiredError
        return self._finality_lookup(poll_id)

    async def holds_ballot(self, credentials: Credentials, poll_id: UUID) -> bool:
        """Whether the voter behind these credentials has a ballot standing in the poll: one look-up by unique index."""
        if self._ballot_lookup is None:
            raise NotWiredError
        return await self._ballot_lookup(credentials, poll_id)


ports = Ports()
