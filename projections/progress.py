"""How far the results are behind the votes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core.dbapi import Cursor
from core.progress import Progress
from core.sql import queries

_SQL = queries(Path(__file__).parent, "progress.sql")


def read_progress(cursor: Cursor) -> Progress:
    """Lag, unapplied batches and the horizon's age, from one statement. The cursor's role must be able to read the log, so not the one of results."""
    cursor.execute(_SQL["read_progress"])
    now, uncut, unapplied, batches, holding, drifted, audited_at = cursor.fetchone()
    waiting = [moment for moment in (uncut, unapplied) if moment is not None]
    return Progress(
        lag_seconds=_age(now, min(waiting, default=None)),
        unapplied_batches=batches,
        horizon_age_seconds=_age(now, holding),
        drifted_polls=drifted,
        audit_age_seconds=None if audited_at is None else _age(now, audited_at),
    )


def _age(now: datetime, moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
