"""Audits a poll: its tallies against the log, and Redis against the tallies, each at one boundary, while voting goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from workers.audit_redis import ABSENT, compare_with_redis
from workers.audit_rows import save_audit
from workers.log_reading import ROWS_AT_ONCE, LogCount, Marker
from workers.standing import Standing, standings_of
from workers.sums import Difference, differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an audit of a poll found. `seq` is the boundary; `differences` lists what readers are shown wrongly; `redis` is one of `audit_redis`' words."""

    poll_id: UUID
    seq: int
    version: int
    ballots: int
    redis: str
    differences: list[Difference]

    def answer(self) -> dict[str, object]:
        """As JSON."""
        return {
            "poll": str(self.poll_id),
            "boundary": self.seq,
            "version": self.version,
            "ballots": self.ballots,
            "redis": self.redis,
            "differences": [each.answer() for each in self.differences],
        }


@dataclass(slots=True, kw_only=True)
class Audit:
    """An audit that is under way: what the tallies held at a boundary, and what the log has been found to say so far."""

    counted: Standing
    log: LogCount

    @classmethod
    def begin(cls, poll_id: UUID) -> Audit | None:
        """None when there is no such poll."""
        standing = shown_standing(poll_id)
        return None if standing is None else cls(counted=standing, log=LogCount(poll_id=poll_id, upto=standing.upto, offered=standing.offered))

    def end(self, *, with_redis: bool = True) -> Finding:
        """Expects the log read to its end. Asks Redis too; raises what that raises."""
        redis, beside = compare_with_redis(self.log.poll_id) if with_redis else (ABSENT, [])
        return Finding(
            poll_id=self.log.poll_id,
            seq=self.counted.seq,
            version=self.counted.version,
            ballots=self.log.sums.get(("ballots", ""), 0),
            redis=redis,
            differences=differences(self.counted.sums, self.log.sums) + beside,
        )


def shown_standing(poll_id: UUID) -> Standing | None:
    """The generation that readers see."""
    return next((standing for standing in standings_of(poll_id).values() if standing.shown), None)


def audit_poll(poll_id: UUID, *, rows: int = ROWS_AT_ONCE, progress: Callable[[Marker], None] = lambda _: None) -> Finding | None:
    """Audits one poll from beginning to end and keeps the outcome for `/metrics`; None when there is no such poll.

    Raises Django's database errors and `redis.RedisError`: then nothing was found, neither good nor bad.
    """
    audit = Audit.begin(poll_id)
    if audit is None:
        return None
    while not audit.log.done:
        audit.log.read_more(rows=rows)
        progress(audit.log.marker)
    finding = audit.end()
    save_audit(poll_id, [each.answer() for each in finding.differences])
    return finding
