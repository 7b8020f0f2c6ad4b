"""What happened to a poll or an account, as facts in the past tense, and the facts themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.times import rfc3339

SCHEDULED, OPEN, CLOSED, DRAFT = "scheduled", "open", "closed", "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceFacts:
    id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFacts:
    id: UUID
    text: str
    kind: str
    min_choices: int
    max_choices: int
    choices: tuple[ChoiceFacts, ...]

    def answer(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "text": self.text,
            "kind": self.kind,
            "min_choices": self.min_choices,
            "max_choices": self.max_choices,
            "choices": [{"id": str(choice.id), "text": choice.text} for choice in self.choices],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """A position in the log: everything that can still count for a sealed poll lies before it."""

    epoch: int
    xid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFacts:
    """Everything another part may know of a poll; times are aware and in UTC."""

    id: UUID
    slug: str
    title: str
    description: str
    owner_id: UUID
    owner_username: str
    voters: str
    results: str
    changeable: bool
    listed: bool
    draft: bool
    created_at: datetime
    opens_at: datetime | None
    closes_at: datetime | None
    sealed_at: datetime | None
    barrier: Barrier | None
    questions: tuple[QuestionFacts, ...]

    def state(self, now: datetime) -> str:
        return poll_state(draft=self.draft, opens_at=self.opens_at, closes_at=self.closes_at, sealed_at=self.sealed_at, now=now)

    def answer(self, now: datetime) -> dict[str, Any]:
        """The poll as JSON, the same from both sides; its state follows from the clock."""
        return {
            "id": str(self.id),
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "state": self.state(now),
            "owner": {"username": self.owner_username},
            "created_at": rfc3339(self.created_at),
            "opens_at": self.opens_at and rfc3339(self.opens_at),
            "closes_at": self.closes_at and rfc3339(self.closes_at),
            "draft": self.draft,
            "listed": self.listed,
            "voters": self.voters,
            "results": self.results,
            "changeable": self.changeable,
            "questions": [question.answer() for question in self.questions],
        }


def poll_state(*, draft: bool, opens_at: datetime | None, closes_at: datetime | None, sealed_at: datetime | None, now: datetime) -> str:
    """One of draft, scheduled, open, closed: the clock decides, no process has to be awake for it."""
    if draft:
        return DRAFT
    if sealed_at is not None or (closes_at is not None and now >= closes_at):
        return CLOSED
    if opens_at is not None and now < opens_at:
        return SCHEDULED
    return OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSaved:
    """A poll was created, edited, published or sealed, in the transaction that is still open."""

    poll: PollFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PollDeleted:
    """A poll without votes was deleted, in the transaction that is still open."""

    poll_id: UUID


PollEvent = PollSaved | PollDeleted


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    """An account ended and has another name now, in the transaction that is still open."""

    user_id: UUID
    username: str
