"""What ought to be: each poll a dictionary from voter to ballot, and what each request deserves. Pure, and simple enough to be believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.errors import DuplicateVote, NexusError, NotFound, PollNotOpen, VoteNotChangeable

POST, PUT, DELETE = "POST", "PUT", "DELETE"
METHODS = (POST, PUT, DELETE)


@dataclass(frozen=True)
class Question:
    id: str
    choices: tuple[str, ...]
    least: int
    most: int

    def picked(self, seed: int) -> list[str]:
        """Some choices, as many as the question takes; the bits of `seed` say which."""
        chosen = [choice for place, choice in enumerate(self.choices) if seed >> place & 1][: self.most]
        return chosen if len(chosen) >= self.least else [self.choices[seed % len(self.choices)]]


@dataclass(frozen=True)
class Ballot:
    choices: tuple[str, ...]
    cast_at: datetime

    @property
    def minute(self) -> datetime:
        return self.cast_at.replace(second=0, microsecond=0)


@dataclass(frozen=True)
class Counts:
    """The ballots that stand, counted in every way that results are."""

    ballots: int
    questions: dict[str, int]
    choices: dict[str, int]


@dataclass
class PollModel:
    """`quiet_since`: a moment by which the last vote had surely committed."""

    id: UUID
    changeable: bool
    questions: tuple[Question, ...]
    closes_at: datetime | None
    closed: bool = False
    ballots: dict[UUID, Ballot] = field(default_factory=dict)
    quiet_since: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        return not self.closed and (self.closes_at is None or now < self.closes_at)

    def body(self, seed: int) -> dict[str, Any]:
        """A vote; where the question allows it, 0 leaves it out: a blank ballot."""
        picks = [(question.id, question.picked(seed >> 2 * place)) for place, question in enumerate(self.questions)]
        return {"answers": [{"question": question, "choices": chosen} for question, chosen in picks if chosen]}

    def deserves(self, method: str, voter: UUID, now: datetime) -> type[NexusError] | None:
        """The refusal of a request that was never answered before, None where it must succeed."""
        if not self.is_open(now):
            return PollNotOpen
        if method == POST:
            return DuplicateVote if voter in self.ballots else None
        if not self.changeable:
            return VoteNotChangeable
        return None if voter in self.ballots else NotFound

    def took(self, method: str, voter: UUID, body: dict[str, Any], cast_at: datetime) -> None:
        """What a request that succeeded makes of the ballots."""
        if method == DELETE:
            del self.ballots[voter]
        else:
            self.ballots[voter] = Ballot(tuple(choice for answer in body["answers"] for choice in answer["choices"]), cast_at)

    def counts(self) -> Counts:
        chosen = Counter(choice for ballot in self.ballots.values() for choice in ballot.choices)
        return Counts(
            ballots=len(self.ballots),
            questions={q.id: sum(not set(q.choices).isdisjoint(ballot.choices) for ballot in self.ballots.values()) for q in self.questions},
            choices={choice: chosen[choice] for q in self.questions for choice in q.choices},
        )

    def timeline(self) -> dict[datetime, int]:
        return dict(Counter(ballot.minute for ballot in self.ballots.values()))


@dataclass(frozen=True)
class Answered:
    """A request with a key that got its answer, and will get the same one whenever it is repeated."""

    method: str
    poll: PollModel
    voter: UUID
    body: dict[str, Any]
    key: str
    receipt: UUID
