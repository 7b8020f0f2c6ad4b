"""The readers' side of the model test: what PostgreSQL and Redis show, compared with what readers saw before and with what ought to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

import projections
from core.positions import Position
from core.redis import sync_redis
from core.sql import queries
from projections.connection import _progress
from projections.document import ResultsDocument
from projections.rendering import select_documents
from projections.results_store import results_key
from tests.model.oracle import Counts, PollModel
from tests.vote_rows import select

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_READS = queries(Path(projections.__file__).parent, "reads.sql")
_CAST = "SELECT epoch, xid::text, id FROM votes WHERE poll_id = %s"
_STANDING = """
SELECT voters.choices::text[] FROM (SELECT DISTINCT ON (voter_key) choices FROM votes WHERE poll_id = %s ORDER BY voter_key, revision DESC) voters
WHERE choices IS NOT NULL
"""


def counts_of(document: ResultsDocument) -> Counts:
    return Counts(
        ballots=document.ballots,
        questions={str(question.id): question.ballots for question in document.questions},
        choices={str(choice.id): choice.votes for question in document.questions for choice in question.choices},
    )


class Readers:
    """Look at every poll after every step, as the role of readers, and remember what they saw."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: dict[UUID, ResultsDocument] = {}
        self._seen_in_redis: dict[UUID, ResultsDocument] = {}

    def begin(self) -> None:
        self._seen.clear()
        self.redis_was_emptied()

    def redis_was_emptied(self) -> None:
        self._seen_in_redis.clear()

    def look(self, polls: Sequence[PollModel]) -> None:
        """What must hold at every moment, however far behind the results are."""
        found = self.results(polls)
        for poll in polls:
            document, before = found[poll.id], self._seen.get(poll.id)
            if before is not None:
                assert document.order >= before.order, "a version went back"
                assert not (before.final and not document.final), "final was taken back"
                if document.order == before.order:
                    assert document.encode() == before.encode(), "two documents of one version"
            self._seen[poll.id] = document
            if document.final:
                assert document.sealed_at is not None
            if document.final or (poll.quiet_since is not None and poll.quiet_since < document.as_of):
                why = "final too early" if document.final else "as_of lies"
                assert counts_of(document) == poll.counts(), why
        for poll_id, document in self.in_redis([poll.id for poll in polls]).items():
            newest = found[poll_id]
            assert document.order <= newest.order, "Redis has a version that PostgreSQL has not"
            assert document.order != newest.order or document == newest, "Redis has another document of the same version"
            before = self._seen_in_redis.get(poll_id)
            assert before is None or document.order >= before.order, "Redis went back"
            self._seen_in_redis[poll_id] = document

    def look_when_all_is_counted(self, polls: Sequence[PollModel]) -> None:
        """What must hold once nothing is under way."""
        found, kept = self.results(polls), self.in_redis([poll.id for poll in polls])
        for poll in polls:
            document = found[poll.id]
            assert counts_of(document) == poll.counts(), "the results are not what was voted"
            assert document.final == poll.closed, "closed and counted, but not final"
            assert kept[poll.id] == document, "Redis is behind"
            assert self.timeline(poll.id) == poll.timeline()
            standing = sorted(sorted(choices) for (choices,) in select(_STANDING, poll.id))
            assert standing == sorted(sorted(ballot.choices) for ballot in poll.ballots.values()), "the log is not what was voted"

    def ask_after(self, polls: Sequence[PollModel], *, all_is_counted: bool = False) -> None:
        """As `?after=` asks: where every vote of a poll is said to be in, the results are what was voted."""
        found = self.results(polls)
        for poll in polls:
            cast_ = [Position(poll.id, epoch, int(xid), number) for epoch, xid, number in select(_CAST, poll.id)]
            with self._connection.cursor() as cursor:
                included = _progress(cursor, positions=cast_)
            if len(included) == len(cast_):
                assert all(order <= found[poll.id].order for order in included.values())
                assert counts_of(found[poll.id]) == poll.counts(), "said to be in, and is not"
            assert not all_is_counted or len(included) == len(cast_), "in, and said not to be"

    def results(self, polls: Sequence[PollModel]) -> dict[UUID, ResultsDocument]:
        with self._connection.cursor() as cursor:
            return {document.poll_id: document for document in select_documents(cursor, [poll.id for poll in polls])}

    def in_redis(self, poll_ids: Sequence[UUID]) -> dict[UUID, ResultsDocument]:
        epoch = next(iter(self._seen.values())).epoch
        raw = cast("list[bytes | None]", sync_redis().mget([results_key(epoch, poll_id) for poll_id in poll_ids]))
        return {poll_id: ResultsDocument.decode(one[20:]) for poll_id, one in zip(poll_ids, raw, strict=True) if one is not None}

    def timeline(self, poll_id: UUID) -> dict[datetime, int]:
        with self._connection.cursor() as cursor:
            cursor.execute(_READS["select_timeline"], {"poll_id": poll_id})
            row = cursor.fetchone()
        assert row is not None
        return {datetime.fromtimestamp(minute, UTC): ballots for minute, ballots in zip(row[3], row[4], strict=True)}
