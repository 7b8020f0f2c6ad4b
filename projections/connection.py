"""One connection of the results role, kept by one thread: selects documents and the progress of positions for the whole process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import psycopg2

from core.batching import Batcher, Group
from core.errors import Unavailable
from core.hangup import HangUp
from core.positions import Position
from core.postgres import connect
from core.sql import queries
from projections.document import ResultsDocument
from projections.rendering import select_documents
from projections.timeline import Timeline
from projections.validators import Order

if TYPE_CHECKING:
    from psycopg2.extensions import connection, cursor

log = logging.getLogger(__name__)

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Found = tuple[ResultsDocument, ...]
FoundTimeline = tuple[Timeline, ...]
Positions = tuple[Position, ...]

_SQL = queries(Path(__file__).parent, "reads.sql")
_MOST_DOCUMENTS = 200
_STATEMENT_TIMEOUT = "2s"


class Progress(dict[Position, Order]):
    """Of the positions asked for, those that are in, with an `(epoch, version)` that includes them; and the log's epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch


class ResultsConnection:
    """A connection that cannot read votes, made when first needed. For one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: connection | None = None
        self.hang_up = HangUp()
        self._failing = False

    def run(self, question: Callable[[cursor], Answer]) -> Answer:
        """The answer of `question(cursor)`, each statement its own transaction; asked once more on a new connection when this one turns out lost.

        Raises `Unavailable` when PostgreSQL cannot answer.
        """
        for last in (self._connection is None, True):
            try:
                if self._connection is None:
                    self._connection = connect(
                        "results", application_name=self._name, settings={"statement_timeout": _STATEMENT_TIMEOUT}, opened=self.hang_up.attach
                    )
                with self._connection.cursor() as opened:
                    answer = question(opened)
            except psycopg2.Error as error:
                if error.pgcode is not None and not isinstance(error, psycopg2.OperationalError):
                    raise
                self.close()  # also where the server said nothing at all, as when it ends all its backends
                if last:
                    log.log(logging.DEBUG if self._failing else logging.WARNING, "%s: PostgreSQL cannot answer: %s", self._name, str(error).strip())
                    self._failing = True
                    raise Unavailable("Results cannot be read just now; try again.") from error
            else:
                self._failing = False
                return answer
        raise Unavailable

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.hang_up.detach()


def document_reader() -> Batcher[UUID, Found]:
    """Answers a poll's id with its present results, or with nothing; polls asked for at once are selected at once."""
    kept = ResultsConnection("nexus-results")

    def work(group: Group[UUID, Found]) -> None:
        polls = {pending.question for pending in group}
        found = {document.poll_id: document for document in kept.run(lambda opened: select_documents(opened, polls))}
        for pending in group:
            document = found.get(pending.question)
            pending.answer = () if document is None else (document,)

    return _quiet("nexus-results", work, kept, group_limit=_MOST_DOCUMENTS)


def timeline_reader() -> Batcher[UUID, FoundTimeline]:
    """Answers a poll's id with its timeline as it stands, or with nothing."""
    kept = ResultsConnection("nexus-timelines")

    def work(group: Group[UUID, FoundTimeline]) -> None:
        for pending in group:
            pending.answer = kept.run(partial(_timeline, poll_id=pending.question))

    return _quiet("nexus-timelines", work, kept, group_limit=1)


def _timeline(row_of: cursor, *, poll_id: UUID) -> FoundTimeline:
    row_of.execute(_SQL["select_timeline"], {"poll_id": str(poll_id)})
    row = row_of.fetchone()
    if row is None:
        return ()
    epoch, version, as_of, minutes, ballots = row
    return (Timeline(poll_id=poll_id, epoch=epoch, version=version, as_of=as_of, minutes=tuple(zip(minutes, ballots, strict=True))),)


def progress_reader() -> Batcher[Positions, Progress]:
    """Answers positions with those that are in, in one statement."""
    kept = ResultsConnection("nexus-progress")

    def work(group: Group[Positions, Progress]) -> None:
        for pending in group:
            pending.answer = kept.run(partial(_progress, positions=pending.question))

    return _quiet("nexus-progress", work, kept, group_limit=1)


def _progress(rows_of: cursor, *, positions: Sequence[Position]) -> Progress:
    parameters = {
        "polls": [position.poll_id for position in positions],
        "epochs": [position.epoch for position in positions],
        "xids": [str(position.xid) for position in positions],
        "ids": [position.id for position in positions],
    }
    rows_of.execute(_SQL["select_progress"], parameters)
    rows = rows_of.fetchall()
    if not rows:
        raise Unavailable("The log has no epoch.")
    progress = Progress(rows[0][0])
    for epoch, number, version in rows:
        if number is not None:
            progress[positions[number - 1]] = (epoch, version)
    return progress


def _quiet(name: str, work: Callable[[Group[Question, Answer]], None], kept: ResultsConnection, *, group_limit: int) -> Batcher[Question, Answer]:
    """A batcher whose groups fail without a trace in the log when PostgreSQL is away: the connection has said so already."""

    def careful(group: Group[Question, Answer]) -> None:
        try:
            work(group)
        except Unavailable as error:
            for pending in group:
                pending.answer = Unavailable(error.detail)

    return Batcher(name, careful, group_limit=group_limit, queue_limit=10_000, deadline_seconds=4.0, when_stuck=kept.hang_up.cut, at_stop=kept.close)
