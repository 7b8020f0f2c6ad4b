"""Applies batches to the tallies, each exactly once, however often and in whatever order they come."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import local
from uuid import UUID

import orjson
from django.db import connections, transaction

from core.dbapi import Cursor
from core.sql import queries
from projections.offers import Offers
from projections.tallying import Deltas, PayloadRow, QuestionOf, questions_by_choice, tally

logger = logging.getLogger(__name__)

_SQL = queries(Path(__file__).parent, "writer.sql")
_kept = local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of applying a batch. `counted` is false when somebody had counted it before; `polls`: those to be rendered."""

    counted: bool
    polls: list[UUID]


def apply_batch(batch_id: UUID) -> Applied | None:
    """Counts the batch unless it has been counted; None when there is no such batch.

    One transaction of its own, in this order: the claim; in a new statement the generations it feeds; the tallies, table by table in one order
    and row by row in the order of their keys; the versions. So appliers never deadlock, and a crash leaves all or nothing. The caller renders
    the polls afterwards. Raises Django's database errors.
    """
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        cursor.execute(_SQL["let_go"])
        be_durable(cursor)
        cursor.execute(_SQL["claim_batch"], {"batch_id": batch_id})
        claimed = cursor.fetchone()
        if claimed is None:
            return _polls_of(cursor, batch_id)
        seq, raw = claimed
        payload: list[PayloadRow] = orjson.loads(raw)
        polls = sorted({row[0] for row in payload})
        deltas = count_into(cursor, payload, _generations(cursor, seq, polls))
        bump_versions(cursor, polls)
    if deltas.unknown:
        poll, choice = deltas.unknown[0]
        logger.error("batch %s: %d choices that no poll offers were not counted, among them %s in poll %s", batch_id, len(deltas.unknown), choice, poll)
    return Applied(counted=True, polls=[UUID(poll) for poll in polls])


def count_into(cursor: Cursor, payload: Sequence[PayloadRow], generations: Sequence[tuple[str, int]]) -> Deltas:
    """Adds a payload to these (poll, generation) pairs, in the caller's transaction, and returns what that changed.

    Locks tallies table by table in one order and row by row in the order of their keys. Versions are left to the caller.
    """
    deltas = tally(payload, _offers(cursor, sorted({row[0] for row in payload})))
    _add(cursor, deltas, generations)
    return deltas


def be_durable(cursor: Cursor) -> None:
    """The caller's transaction will be on disk before anybody sees what it did. For whoever gives out versions."""
    cursor.execute(_SQL["be_durable"])


def bump_versions(cursor: Cursor, polls: Iterable[UUID | str]) -> None:
    """Gives each poll its next version, in the caller's transaction, and locks their rows of `poll_projections` in order until it ends.

    Takes the time that belongs to the version from the batches applied so far, so call it after everything that the version is to contain.
    """
    cursor.execute(_SQL["bump_versions"], {"polls": _array(sorted(str(poll) for poll in polls))})


def _polls_of(cursor: Cursor, batch_id: UUID) -> Applied | None:
    cursor.execute(_SQL["select_polls_of_batch"], {"batch_id": batch_id})
    row = cursor.fetchone()
    return None if row is None else Applied(counted=False, polls=row[0])


def _generations(cursor: Cursor, seq: int, polls: Sequence[str]) -> list[tuple[str, int]]:
    """(poll, generation) pairs that the batch feeds."""
    cursor.execute(_SQL["select_generations"], {"polls": _array(polls), "seq": seq})
    rows = cursor.fetchall()
    known = {str(poll_id) for poll_id, _, _ in rows}
    fresh = [poll for poll in polls if poll not in known]
    if fresh:
        cursor.execute(_SQL["begin_first_generation"], {"polls": _array(fresh)})
    return [(str(poll_id), generation) for poll_id, generation, feeds in rows if feeds] + [(poll, 1) for poll in fresh]


def _offers(cursor: Cursor, polls: Sequence[str]) -> QuestionOf:
    if not hasattr(_kept, "offers"):
        _kept.offers = Offers(polls_kept=5000)
    offers: Offers = _kept.offers
    missing = offers.missing(polls)
    learned = {}
    if missing:
        cursor.execute(_SQL["select_questions"], {"polls": _array(missing)})
        learned = {str(poll_id): questions_by_choice(orjson.loads(questions)) for poll_id, questions in cursor.fetchall()}
    return offers.of(polls, learned)


def _add(cursor: Cursor, deltas: Deltas, generations: Sequence[tuple[str, int]]) -> None:
    fed = {"fed_polls": _array(poll for poll, _ in generations), "generations": _array(generation for _, generation in generations)}
    if deltas.by_poll:
        cursor.execute(_SQL["add_to_polls"], fed | {"polls": _array(poll for poll, _ in deltas.by_poll), "n": _array(n for _, n in deltas.by_poll)})
    for name, rows in (("add_to_questions", deltas.by_question), ("add_to_choices", deltas.by_choice), ("add_to_minutes", deltas.by_minute)):
        if rows:
            columns = {"polls": _array(row[0] for row in rows), "keys": _array(row[1] for row in rows), "n": _array(row[2] for row in rows)}
            cursor.execute(_SQL[name], fed | columns)


def _array(items: Iterable[object]) -> str:
    """An array literal of ids or whole numbers; one text costs psycopg2 a tenth of what a list of thousands does."""
    return "{" + ",".join(map(str, items)) + "}"
