"""PostgreSQL under three names: `default` (may be behind a pooler), `direct` (past it) and `results` (likewise, as a role that cannot read votes)."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

from core.settings.environment import env

DATABASE_URL = env.str("DATABASE_URL", "") or "postgresql://nexus@127.0.0.1:5432/nexus"
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", "") or DATABASE_URL
RESULTS_DATABASE_ROLE = env.str("RESULTS_DATABASE_ROLE", "nexus_results")

# A dead peer is noticed within about ten seconds instead of the kernel's two hours.
_LIVENESS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def _parsed(url: str) -> dict[str, Any]:
    reason = "DATABASE_URL (or DATABASE_DIRECT_URL) cannot be read; write postgresql://user:password@host:5432/name, with %2F for a / in the password."
    try:
        dsn = parse_dsn(url)
    except ProgrammingError:
        raise ImproperlyConfigured(reason) from None  # libpq's message repeats the address, password and all
    if not re.fullmatch(r"[\d,]*", dsn.get("port", "")) or "@" in dsn.get("dbname", ""):  # a password that was not escaped, and would be repeated later
        raise ImproperlyConfigured(reason)
    return dsn


def _database(url: str, *, role: str = "", mirrors: str = "") -> dict[str, Any]:
    dsn = _parsed(url)
    options: dict[str, Any] = _LIVENESS | {k: v for k, v in dsn.items() if k not in {"dbname", "user", "password", "host", "port"}}
    if role:
        options["assume_role"] = role
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": dsn.get("dbname", "nexus"),
        "USER": dsn.get("user", ""),
        "PASSWORD": dsn.get("password", ""),
        "HOST": dsn.get("host", ""),
        "PORT": dsn.get("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # they do not survive a transaction pooler
        "OPTIONS": options,
        "TEST": {"MIRROR": mirrors} if mirrors else {},
    }


DATABASES = {
    "default": _database(DATABASE_URL),
    "direct": _database(DATABASE_DIRECT_URL, mirrors="default"),
    "results": _database(DATABASE_DIRECT_URL, role=RESULTS_DATABASE_ROLE, mirrors="default"),
}
