"""Renders results: reads versions, counts and cards in one select, and gives them to Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.db import connections
from redis.exceptions import RedisError

from core.circuit import Circuit
from core.dbapi import Cursor
from core.sql import queries
from projections.document import ChoiceResult, QuestionResult, ResultsDocument
from projections.results_store import results_store

logger = logging.getLogger(__name__)

_SQL = queries(Path(__file__).parent, "results.sql")
_SWEEP_LIMIT = 500
_redis_circuit = Circuit(first_pause=0.2, longest_pause=2.0)


def select_documents(cursor: Cursor, poll_ids: Iterable[UUID]) -> list[ResultsDocument]:
    """The present results of those polls that exist, drafts too, in no particular order: one statement, so one snapshot.

    `cursor` is any cursor of a UTC connection whose role may read cards and tallies; no transaction is needed.
    """
    cursor.execute(_SQL["select_documents"], {"poll_ids": [str(poll_id) for poll_id in poll_ids]})
    return [_document(row) for row in cursor.fetchall()]


def render(poll_ids: Iterable[UUID]) -> list[ResultsDocument]:
    """Gives Redis the present results of these polls and notes their versions as rendered; returns what it gave.

    To be called after the change has committed. A Redis that cannot be reached is logged and left to `render_lagging`: the versions then stay
    unrendered. While Redis is failing, most calls do not even try, so that counting goes on at its own pace. Safe to run any number of times, by
    any number of processes.
    """
    wanted = sorted(set(poll_ids))
    if not wanted or not _redis_circuit.may_try():
        return []
    connection = connections["default"]
    with connection.cursor() as cursor:
        documents = select_documents(cursor, wanted)
    if not documents:
        return []
    try:
        results_store().put(documents)
    except RedisError as error:
        if _redis_circuit.closed:
            logger.warning("Redis cannot be given results, the sweeper will when it is back: %s", error)
        _redis_circuit.failed()
        return []
    if not _redis_circuit.closed:
        logger.info("Redis takes results again")
        _redis_circuit.succeeded()
    _mark_rendered(documents)
    return documents


def render_lagging() -> int:
    """Renders polls whose latest version Redis was not given, a few hundred at most; how many there were."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["select_lagging"], {"limit": _SWEEP_LIMIT})
        lagging = [row[0] for row in cursor.fetchall()]
    render(lagging)
    return len(lagging)


def _mark_rendered(documents: Sequence[ResultsDocument]) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            _SQL["mark_rendered"],
            {"poll_ids": [str(document.poll_id) for document in documents], "versions": [document.version for document in documents]},
        )


def _document(row: Sequence[Any]) -> ResultsDocument:
    poll_id, epoch, version, as_of, final, title, slug, owner_id, voters, results, draft, *times, questions, ballots, by_question, by_choice = row
    opens_at, closes_at, sealed_at = times
    ballots_of: dict[str, int] = orjson.loads(by_question)
    votes_for: dict[str, int] = orjson.loads(by_choice)
    return ResultsDocument(
        poll_id=poll_id,
        epoch=epoch,
        version=version,
        as_of=as_of,
        final=final,
        ballots=max(0, ballots),
        title=title,
        slug=slug,
        owner_id=owner_id,
        voters=voters,
        results=results,
        draft=draft,
        opens_at=opens_at,
        closes_at=closes_at,
        sealed_at=sealed_at,
        questions=tuple(_question(question, ballots_of, votes_for) for question in orjson.loads(questions)),
    )


def _question(card: dict[str, Any], ballots_of: dict[str, int], votes_for: dict[str, int]) -> QuestionResult:
    return QuestionResult(
        id=UUID(card["id"]),
        text=card["text"],
        ballots=max(0, ballots_of.get(card["id"], 0)),
        choices=tuple(ChoiceResult(id=UUID(choice["id"]), text=choice["text"], votes=max(0, votes_for.get(choice["id"], 0))) for choice in card["choices"]),
    )
