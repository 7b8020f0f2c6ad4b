"""Compares what Redis shows of a poll with what PostgreSQL has, at the same version."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from django.db import connections

from projections.document import ResultsDocument
from projections.rendering import select_documents
from projections.results_store import results_store
from workers.sums import BALLOTS, CHOICE, QUESTION, Difference, Sums, differences

EQUAL, ABSENT, BEHIND, DIFFERENT = "equal", "absent", "behind", "different"

_TRIES = 20
_PAUSE = 0.05


def compare_with_redis(poll_id: UUID, *, pause: Callable[[float], None] = time.sleep) -> tuple[str, list[Difference]]:
    """What came of it, and where the two differ.

    ABSENT: Redis keeps nothing of the poll, so readers are answered from PostgreSQL. BEHIND: for a second Redis never had PostgreSQL's version; votes
    come in fast, or rendering lags, which is no drift. Redis is read first, so a version of Redis that PostgreSQL does not know is a difference.

    Raises `redis.RedisError`, and Django's database errors.
    """
    for attempt in range(_TRIES):
        if attempt:
            pause(_PAUSE)
        before = _selected(poll_id)
        if before is None:
            return ABSENT, []
        shown = results_store().get(before.epoch, poll_id)
        if shown is None:
            return ABSENT, []
        counted = _selected(poll_id)
        if counted is None:
            return ABSENT, []
        if shown.epoch == counted.epoch and shown.version > counted.version:
            return DIFFERENT, [Difference(what="version in Redis", key="", counted=shown.version, expected=counted.version)]
        if shown.order == counted.order:
            found = _compare(shown, counted)
            return (DIFFERENT if found else EQUAL), found
    return BEHIND, []


def _compare(shown: ResultsDocument, counted: ResultsDocument) -> list[Difference]:
    if shown == counted:
        return []
    found = [
        Difference(what=f"{each.what} in Redis against the tallies", key=each.key, counted=each.counted, expected=each.expected)
        for each in _differ(shown, counted)
    ]
    return found or [Difference(what="texts, times or state in Redis", key="", counted=shown.version, expected=counted.version)]


def _differ(shown: ResultsDocument, counted: ResultsDocument) -> list[Difference]:
    return differences(_sums(shown), _sums(counted))


def _sums(document: ResultsDocument) -> Sums:
    sums: Sums = {(BALLOTS, ""): document.ballots}
    for question in document.questions:
        sums[QUESTION, str(question.id)] = question.ballots
        sums.update({(CHOICE, str(choice.id)): choice.votes for choice in question.choices})
    return sums


def _selected(poll_id: UUID) -> ResultsDocument | None:
    with connections["default"].cursor() as cursor:
        return next(iter(select_documents(cursor, [poll_id])), None)
