"""Raw connections to PostgreSQL for the parts that keep one for themselves (committer, relay, results reader)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extras
from django.db import connections

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


def connect(
    alias: str, *, application_name: str, settings: dict[str, str] | None = None, opened: Callable[[Connection], None] = lambda _connection: None
) -> Connection:
    """A fresh autocommit connection to the database Django knows as `alias`, owned by the caller's thread.

    `settings` are run-time parameters such as `{"lock_timeout": "250ms"}`, set by statement so that they survive a pooler's start-up filter.
    `opened` is told of the connection before anything is asked on it (`core/hangup.py`).
    Raises `psycopg2.OperationalError` when the server cannot be reached within five seconds.
    """
    parameters: dict[str, Any] = connections[alias].get_connection_params()
    role = connections[alias].settings_dict["OPTIONS"].get("assume_role")  # Django leaves it out of the parameters
    for ours in ("cursor_factory", "isolation_level", "server_side_binding"):
        parameters.pop(ours, None)
    connection: Connection = psycopg2.connect(**parameters, application_name=application_name)
    try:
        opened(connection)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            for name, value in (settings or {}).items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
            if role:
                cursor.execute("SELECT set_config('role', %s, false)", (role,))
    except BaseException:
        connection.close()
        raise
    return connection
