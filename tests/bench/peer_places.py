"""Places for peers and ceilings on the tests' own servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
from django.conf import settings
from django.db import connections

from bench.targets import Place
from tests.stack import ROOT, free_port


@contextmanager
def place_for(name: str, folder: Path) -> Iterator[Place]:
    """A place with an empty database, which is dropped afterwards."""
    target = connections["direct"].settings_dict
    server = {"user": target["USER"], "password": target["PASSWORD"], "host": target["HOST"], "port": target["PORT"]}
    database = f"test_bench_{name}"
    with closing(psycopg2.connect(dbname="postgres", **{key: value for key, value in server.items() if value})) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{database}"')
            try:
                yield Place(
                    name=name,
                    folder=folder,
                    project=ROOT,
                    database_url=_url(server, database),
                    redis_url=settings.REDIS_URL,
                    broker_url=settings.BROKER_URL,
                    host="127.0.0.1",
                    port=free_port(),
                    cores=2,
                    web_processes=2,
                )
            finally:
                cursor.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def _url(server: dict[str, str], database: str) -> str:
    login = quote(server["user"], safe="") + (f":{quote(server['password'], safe='')}" if server["password"] else "")
    port = f":{server['port']}" if server["port"] else ""
    return f"postgresql://{login}@{quote(server['host'], safe='')}{port}/{database}"
