"""PostgreSQL, Redis and RabbitMQ of the stack, as the tests themselves reach them: past all wires."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import amqp
import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection
from redis import Redis

from tests.faults.stack import FaultyStack

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in a queue."""

    body: str | bytes
    properties: dict[str, Any]

    @property
    def batch_id(self) -> str:
        """The batch it is about; empty when it is about none."""
        return str(json.loads(self.body)[1].get("batch_id", ""))


class Servers:
    """The servers of one stack."""

    def __init__(self, stack: FaultyStack) -> None:
        self.stack = stack

    def connect(self) -> Connection:
        """A connection to PostgreSQL as its superuser, in autocommit."""
        connection: Connection = psycopg2.connect(self.stack.own_url("postgres"), application_name="faults", connect_timeout=5)
        connection.autocommit = True
        return connection

    def sql(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """The rows of one statement on a connection of its own."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)  # a % in a query without parameters is a %
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def holding(self, *statements: str) -> Iterator[None]:
        """A transaction that has run these statements and stays open, with their locks, until the block ends."""
        with closing(self.connect()) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                yield
            connection.rollback()

    def waits_for_a_lock(self, application: str) -> bool:
        """Whether a connection whose name begins like this waits for a lock in PostgreSQL at this moment."""
        return bool(self.sql("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s AND wait_event_type = 'Lock'", [f"{application}%"]))

    def redis(self) -> Redis:
        return Redis.from_url(self.stack.own_url("redis"), socket_timeout=5)

    @contextmanager
    def channel(self) -> Iterator[amqp.Channel]:
        """A channel to RabbitMQ."""
        parts = urlsplit(self.stack.own_url("rabbitmq"))
        connection = amqp.Connection(f"{parts.hostname}:{parts.port}", parts.username or "", parts.password or "", connect_timeout=5, read_timeout=10)
        connection.connect()
        try:
            yield connection.channel()
        finally:
            with suppress(OSError, amqp.AMQPError):
                connection.close()

    def queue_length(self, name: str = "batches") -> int:
        """Messages in a queue that are ready to be delivered."""
        with self.channel() as channel:
            _, ready, _ = channel.queue_declare(f"nexus.{name}", passive=True) or ("", 0, 0)
            return ready

    def messages(self, *, keep: bool = False, queue: str = "batches") -> list[Message]:
        """What is ready in a queue, taken out of it unless `keep`; then it is put back in its place when this returns."""
        taken = []
        with self.channel() as channel:
            while (found := channel.basic_get(f"nexus.{queue}", no_ack=not keep)) is not None:
                taken.append(Message(found.body, found.properties))
        return taken

    def publish(self, message: Message) -> None:
        """Puts a message into the queue of batches, and waits until the broker has it."""
        with self.channel() as channel:
            channel.confirm_select()
            channel.basic_publish_confirm(amqp.Message(message.body, **message.properties), exchange="nexus", routing_key="batches", mandatory=True)

    def rabbitmqctl(self, *arguments: str) -> str:
        """What RabbitMQ's own tool says, run as the broker's user on the broker's node."""
        broker = self.stack.process("rabbitmq")
        assert broker is not None, "RabbitMQ does not run"
        tool = next((path for path in ("/usr/lib/rabbitmq/bin/rabbitmqctl", shutil.which("rabbitmqctl") or "") if path and Path(path).exists()), None)
        assert tool is not None, "rabbitmqctl is not installed"
        user: dict[str, Any] = {"user": broker.uids().real, "group": broker.gids().real, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run([tool, *arguments], env=broker.environ(), cwd="/", capture_output=True, text=True, timeout=60, check=False, **user)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)


def machine_of(world: Servers) -> str:
    """The machine in a line, without dates."""
    broker = world.rabbitmqctl("version").strip()
    postgres = world.sql("SHOW server_version")[0][0].split()[0]
    redis = world.redis().info("server")["redis_version"]
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{os.cpu_count()} cores, Python {python}, PostgreSQL {postgres}, Redis {redis}, RabbitMQ {broker}; servers, processes and clients share them"
