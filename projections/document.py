"""The results of one poll at one version: what the worker renders, Redis keeps and every reader is answered from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from core.events import poll_state
from core.times import rfc3339

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceResult:
    id: UUID
    text: str
    votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResult:
    id: UUID
    text: str
    ballots: int
    choices: tuple[ChoiceResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsDocument:
    """Counts and the facts needed to answer for them, from one select. Times are aware and in UTC.

    The poll's state is not in it: it follows from the clock at the moment of the answer, see `state`.
    """

    poll_id: UUID
    epoch: int
    version: int
    as_of: datetime
    final: bool
    ballots: int
    title: str
    slug: str
    owner_id: UUID
    voters: str
    results: str
    draft: bool
    opens_at: datetime | None
    closes_at: datetime | None
    sealed_at: datetime | None
    questions: tuple[QuestionResult, ...]

    @property
    def order(self) -> tuple[int, int]:
        """Which of two documents of a poll is newer."""
        return (self.epoch, self.version)

    def state(self, now: datetime) -> str:
        return poll_state(draft=self.draft, opens_at=self.opens_at, closes_at=self.closes_at, sealed_at=self.sealed_at, now=now)

    def etag(self, state: str) -> str:
        """The strong validator of `body(state)`: equal tags mean equal bytes."""
        return f'"{self.epoch}.{self.version}.{state}"'

    def body(self, state: str) -> bytes:
        """The answer of `GET …/results` as UTF-8 JSON, in the poll's order."""
        return orjson.dumps(self.answer(state))

    def answer(self, state: str) -> dict[str, Any]:
        return {
            "poll": str(self.poll_id),
            "title": self.title,
            "state": state,
            "version": self.version,
            "as_of": rfc3339(self.as_of),
            "final": self.final,
            "ballots": self.ballots,
            "questions": [
                {
                    "id": str(question.id),
                    "text": question.text,
                    "ballots": question.ballots,
                    "choices": [{"id": str(c.id), "text": c.text, "votes": c.votes, "share": share(c.votes, question.ballots)} for c in question.choices],
                }
                for question in self.questions
            ],
        }

    def encode(self) -> bytes:
        """The document as JSON for Redis; `decode` reads it back."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, raw: bytes) -> ResultsDocument:
        """Raises `ValueError`, `KeyError` or `TypeError` when `raw` is not such a document, whole and with every value of its kind."""
        fields = _of_kind(orjson.loads(raw), dict)
        for name, kind in _PLAIN.items():
            _of_kind(fields[name], kind)
        for name in ("poll_id", "owner_id"):
            fields[name] = _uuid(fields[name])
        for name in ("opens_at", "closes_at", "sealed_at"):
            fields[name] = None if fields[name] is None else _moment(fields[name])
        fields["as_of"] = _moment(fields["as_of"])
        fields["questions"] = tuple(
            QuestionResult(
                id=_uuid(q["id"]),
                text=_of_kind(q["text"], str),
                ballots=_of_kind(q["ballots"], int),
                choices=tuple(ChoiceResult(id=_uuid(c["id"]), text=_of_kind(c["text"], str), votes=_of_kind(c["votes"], int)) for c in q["choices"]),
            )
            for q in _of_kind(fields["questions"], list)
        )
        return cls(**fields)


_PLAIN = {
    "epoch": int, "version": int, "final": bool, "ballots": int, "title": str, "slug": str, "voters": str, "results": str, "draft": bool,
}  # fmt: skip


def _of_kind(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:  # a bool is no number here
        raise TypeError(f"not {kind.__name__}")
    return value


def _uuid(text: Any) -> UUID:
    return UUID(_of_kind(text, str))


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(_of_kind(text, str))
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


def share(votes: int, ballots: int) -> float:
    """Votes ÷ ballots to four decimals; 0 when there are no ballots."""
    return round(votes / ballots, 4) if ballots else 0.0
