"""Results as a page shows them: percentages, who leads, in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from projections.document import ChoiceResult, QuestionResult, ResultsDocument, share

POLL_ORDER, BY_VOTES = "poll", "votes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceBar:
    """`percent` of the question's ballots, with one decimal; equal to what `live.js` writes."""

    id: str
    text: str
    votes: int
    percent: str
    leading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionBars:
    id: str
    text: str
    ballots: int
    choices: tuple[ChoiceBar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsView:
    title: str
    state: str
    final: bool
    ballots: int
    as_of: datetime
    questions: tuple[QuestionBars, ...]


def results_view(document: ResultsDocument, *, state: str, order: str) -> ResultsView:
    """The document for a page; `order` is `POLL_ORDER` or `BY_VOTES` (ties stay in the poll's order)."""
    return ResultsView(
        title=document.title,
        state=state,
        final=document.final,
        ballots=document.ballots,
        as_of=document.as_of,
        questions=tuple(_bars(question, order) for question in document.questions),
    )


def _bars(question: QuestionResult, order: str) -> QuestionBars:
    most = max((choice.votes for choice in question.choices), default=0)
    bars = [_bar(choice, question.ballots, most) for choice in question.choices]
    if order == BY_VOTES:
        bars.sort(key=lambda bar: -bar.votes)
    return QuestionBars(id=str(question.id), text=question.text, ballots=question.ballots, choices=tuple(bars))


def _bar(choice: ChoiceResult, ballots: int, most: int) -> ChoiceBar:
    return ChoiceBar(
        id=str(choice.id),
        text=choice.text,
        votes=choice.votes,
        percent=f"{share(choice.votes, ballots) * 100:.1f}",
        leading=0 < choice.votes == most,
    )
