"""Whether this server still holds the log it held before: a restored or replaced one must not cut or take votes unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.dbapi import Cursor

_REMEDY = "If this database was restored or moved, run `manage.py new_epoch` with intake closed."

_LOG = """
SELECT e.system_identifier, c.system_identifier
FROM log_epoch e CROSS JOIN pg_control_system() c
"""

# Read in one statement: the counter must be ahead of everything that was cut in the present epoch.
_CURSOR = """
SELECT (r.epoch = e.epoch AND pg_snapshot_xmax(pg_current_snapshot()) < r.xid)
       OR (r.drained_epoch = e.epoch AND pg_snapshot_xmax(pg_current_snapshot()) < r.drained_xid),
       r.epoch > e.epoch OR r.drained_epoch > e.epoch
FROM relay_cursor r CROSS JOIN log_epoch e
"""


class LogIdentityError(RuntimeError):
    """The database is not the one whose log was kept here."""


def check_log_identity(cursor: Cursor, *, with_relay_cursor: bool = True) -> None:
    """Returns when the server is the one `log_epoch` names and its transaction counter is ahead of what the relay has cut.

    To be called on every new connection that writes votes, cuts, or seals. Read-only; two statements. `with_relay_cursor=False` leaves the
    relay's cursor out, for a role that cannot read it.

    Raises `LogIdentityError`, whose message names the remedy.
    """
    cursor.execute(_LOG)
    kept, present = _only_row(cursor.fetchone(), "log_epoch")
    if kept != present:
        raise LogIdentityError(f"This PostgreSQL server (system identifier {present}) is not the one that holds the vote log ({kept}). {_REMEDY}")
    if not with_relay_cursor:
        return
    cursor.execute(_CURSOR)
    counter_behind, epoch_behind = _only_row(cursor.fetchone(), "relay_cursor")
    if counter_behind:
        raise LogIdentityError(f"This server's transaction counter is behind what was cut from the vote log: it was restored to an earlier state. {_REMEDY}")
    if epoch_behind:
        raise LogIdentityError(f"The relay's cursor is in a later epoch than the vote log. {_REMEDY}")


def _only_row(row: Sequence[Any] | None, table: str) -> Sequence[Any]:
    if row is None:
        raise LogIdentityError(f"The table {table} is empty, so nothing says which log this is. Run `manage.py migrate`; after a restore: {_REMEDY}")
    return row
