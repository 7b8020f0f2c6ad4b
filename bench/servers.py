"""The servers that all targets of a run share: PostgreSQL, Redis and the broker that `core.embedded services` started beside us."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import amqp
import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn
from redis import Redis

from bench.cpu import children_of
from core.sql import queries

APPLICATION = "bench"  # what the harness's own connections are called: their work counts as load
_SQL = queries(Path(__file__).parent, "servers.sql")
_COMPONENT_OF = {"postgres": "postgres", "redis-server": "redis", "valkey-server": "redis", "epmd": "broker", "rabbitmq-server": "broker", "beam.smp": "broker"}


class NoServers(Exception):
    """The bench starts servers of its own: run it by `make bench`, or by `python -m core.embedded services -- python -m bench …` without DATABASE_URL,
    REDIS_URL and BROKER_URL."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the shared servers and the processes they are made of, by component."""

    database_url: str
    redis_url: str
    broker_url: str
    pids: Mapping[str, list[int]]

    def make_database(self, name: str, *, like: str = "template1") -> str:
        """Makes a database, empty or a copy of `like`, dropping one of that name; returns its address."""
        self.drop_database(name)
        with self._maintenance() as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.database(name)

    def drop_database(self, name: str) -> None:
        """Drops a database with whatever is connected to it; none is fine."""
        with self._maintenance() as connection, connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def drop_databases(self, beginning: str) -> None:
        """Drops every database whose name begins so."""
        with self._maintenance() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["databases"], {"beginning": beginning.replace("_", "\\_") + "%"})
            names = [str(row[0]) for row in cursor.fetchall()]
        for name in names:
            self.drop_database(name)

    def database(self, name: str) -> str:
        """The address of a database, as an URL: Django, Node and libpq all take it."""
        dsn = parse_dsn(self.database_url)
        return f"postgresql://{dsn.get('user', 'nexus')}@{quote(dsn.get('host', ''), safe='')}/{name}"

    def redis(self, number: int) -> str:
        """The address of Redis database `number`, which is emptied."""
        path = unquote(urlsplit(self.redis_url).path)
        with closing(Redis(unix_socket_path=path, db=number)) as client:
            client.flushdb()
        return f"unix://{quote(path)}?db={number}"

    def versions(self) -> dict[str, str]:
        """The servers' versions and PostgreSQL's settings."""
        parts = urlsplit(self.redis_url)
        with closing(Redis(unix_socket_path=unquote(parts.path), db=int(parse_qs(parts.query).get("db", ["0"])[0]))) as client:
            info: Any = client.info("server")
        with self._maintenance() as connection:
            postgres = str(connection.info.parameter_status("server_version"))
        return {"PostgreSQL": postgres, "Redis": str(info["redis_version"]), "broker": _broker_version(self.broker_url)}

    def settings(self) -> dict[str, str]:
        """What PostgreSQL was told, beside its defaults."""
        with self._maintenance() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["changed_settings"])
            return {str(name): str(value) for name, value in cursor.fetchall()}

    @contextmanager
    def _maintenance(self) -> Iterator[Connection]:
        with connected(self.database("postgres")) as connection:
            yield connection


def _broker_version(url: str) -> str:
    if not url.startswith("amqp://"):
        return "kombu over Redis"
    with broker_connection(url) as connection:
        told = connection.server_properties  # type: ignore[attr-defined]  # the stubs do not know it
        return f"{told.get('product')} {told.get('version')}"


@contextmanager
def broker_connection(url: str) -> Iterator[amqp.Connection]:
    """A connection to the broker at `amqp://user:password@host:port//`, closed afterwards."""
    login, _, host = url.removeprefix("amqp://").rstrip("/").rpartition("@")
    user, _, password = login.partition(":")
    connection = amqp.Connection(host, user, password)
    connection.connect()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of the harness, in autocommit mode, closed afterwards."""
    with closing(psycopg2.connect(make_dsn(url, application_name=APPLICATION))) as connection:
        connection.autocommit = True
        yield connection


def backends(url: str) -> dict[int, str]:
    """PostgreSQL's processes that serve somebody, with the names their clients gave."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["backends"])
        return {int(pid): str(name) for pid, name in cursor.fetchall()}


def growth(url: str) -> dict[str, int]:
    """How much has been written and kept so far, in bytes and counts."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["growth"])
        wal, size, dead, vacuums = cursor.fetchone() or (0, 0, 0, 0)
        return {"wal": int(wal), "database": int(size), "dead_rows": int(dead or 0), "vacuums": int(vacuums or 0)}


def table_sizes(url: str) -> dict[str, int]:
    """The largest tables of a database, with their indexes, in bytes."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["table_sizes"])
        return {str(name): int(size) for name, size in cursor.fetchall()}


def find_servers(environ: Mapping[str, str] = os.environ) -> Servers:
    """The servers beside us. Raises `NoServers` when they are somebody else's: then their processes could not be measured."""
    pids: dict[str, list[int]] = {}
    for name, found in children_of(os.getppid()).items():
        component = _COMPONENT_OF.get(name)
        if component is not None:
            pids.setdefault(component, []).extend(found)
    urls = [environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL")]
    if not all(urls) or not {"postgres", "redis"} <= pids.keys():
        raise NoServers((NoServers.__doc__ or "").strip())
    return Servers(urls[0], urls[1], urls[2], {"broker": [], **pids})
