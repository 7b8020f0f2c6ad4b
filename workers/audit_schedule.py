"""Audits polls one after the other, a little at a time, for ever: a poll that is too large for one turn is gone on with in the next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connections
from redis.exceptions import RedisError

from workers.audit import Audit, Finding
from workers.audit_rows import audit_under_way, forget_audit, next_audits, save_audit, save_under_way
from workers.log_reading import LogCount, LogPosition, Marker
from workers.standing import Standing
from workers.sums import Sums

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.1  # of a worker that would rather count votes
_ROWS_AT_ONCE = 1000
_POLLS_AT_ONCE = 50
_REST_SECONDS = 60.0  # before a poll's next audit, where there are few


def audit_a_little(*, seconds: float = TURN_SECONDS, clock: Callable[[], float] = time.monotonic) -> list[Finding]:
    """Audits polls until the time is over, then notes where the present one stands; what was found. Drift is logged as an error.

    Two at once do no harm but twice the work. Raises Django's database errors.
    """
    end = clock() + seconds
    found: list[Finding] = []
    for audit in _turns():
        while not audit.log.done:
            audit.log.read_more(rows=_ROWS_AT_ONCE)
            if clock() > end and not audit.log.done:
                save_under_way(audit.log.poll_id, _packed(audit))
                return found
        found.append(_ended(audit))
        if clock() > end:
            break
    return found


def _turns() -> Iterator[Audit]:
    under_way = _gone_on_with()
    if under_way is not None:
        yield under_way
    for poll_id in next_audits(limit=_POLLS_AT_ONCE, rest_seconds=_REST_SECONDS):
        audit = Audit.begin(poll_id)
        if audit is None:
            with connections["default"].cursor() as cursor:
                forget_audit(cursor, poll_id)
        else:
            yield audit


def _gone_on_with() -> Audit | None:
    """The audit that was begun and not ended. One that cannot be read, because another release wrote it down, is begun anew when its turn comes."""
    under_way = audit_under_way()
    if under_way is None:
        return None
    try:
        return _unpacked(*under_way)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        logger.warning("where the audit of poll %s stood cannot be read (%r), so it begins anew", under_way[0], error)
        with connections["default"].cursor() as cursor:
            forget_audit(cursor, under_way[0])
        return None


def _ended(audit: Audit) -> Finding:
    try:
        finding = audit.end()
    except RedisError as error:
        logger.debug("audited without Redis: %s", error)
        finding = audit.end(with_redis=False)
    save_audit(finding.poll_id, [each.answer() for each in finding.differences])
    if finding.differences:
        count, first = len(finding.differences), finding.differences[0]
        logger.error("results of poll %s are wrong in %d places, first %s; see `manage.py audit_tallies %s`", finding.poll_id, count, first, finding.poll_id)
    return finding


def _packed(audit: Audit) -> dict[str, object]:
    """As JSON."""
    standing = asdict(audit.counted)
    standing["sums"] = _packed_sums(audit.counted.sums)
    return {"standing": standing, "sums": _packed_sums(audit.log.sums), "voter_key": str(audit.log.marker.voter_key), "revision": audit.log.marker.revision}


def _unpacked(poll_id: UUID, state: dict[str, Any]) -> Audit:
    kept = state["standing"]
    standing = Standing(**kept | {"upto": LogPosition(**kept["upto"]), "sums": _unpacked_sums(kept["sums"])})
    marker = Marker(voter_key=UUID(state["voter_key"]), revision=state["revision"])
    log = LogCount(poll_id=poll_id, upto=standing.upto, offered=standing.offered, sums=_unpacked_sums(state["sums"]), marker=marker)
    return Audit(counted=standing, log=log)


def _packed_sums(sums: Sums) -> list[list[object]]:
    return [[what, key, n] for (what, key), n in sums.items()]


def _unpacked_sums(packed: list[tuple[str, str, int]]) -> Sums:
    return {(what, key): n for what, key, n in packed}
