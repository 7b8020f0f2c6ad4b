"""Chooses the servers to start: those whose addresses the environment does not name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from core.embedded.errors import CannotStart
from core.embedded.postgres import prepare_postgres
from core.embedded.rabbitmq import find_rabbitmq, installed_broker, prepare_rabbitmq
from core.embedded.redis import prepare_redis
from core.embedded.server import Server
from core.embedded.state import State
from core.embedded.versions import version_text

OVER_REDIS = "messages are redelivered after 60 s, no dead-letter queue"


@dataclass(frozen=True)
class Named:
    """An address that nothing has to be started for, with the line that tells people about it."""

    values: Mapping[str, str]
    saying: str


def choose_database(state: State, environ: Mapping[str, str]) -> Server | Named:
    """Return PostgreSQL as named by DATABASE_URL, else one to start."""
    if environ.get("DATABASE_URL"):
        return Named({}, "database: as DATABASE_URL says")
    return prepare_postgres(state, environ)


def choose_redis(state: State, environ: Mapping[str, str]) -> Server | Named:
    """Return Redis as named by REDIS_URL, else one to start."""
    if environ.get("REDIS_URL"):
        return Named({}, "results store: as REDIS_URL says")
    return prepare_redis(state, environ)


def choose_broker(state: State, environ: Mapping[str, str], redis_url: str) -> Server | Named:
    """Return the broker: BROKER_URL, else a RabbitMQ node to start, else one that runs on this machine, else `redis_url` through kombu.

    EMBEDDED_BROKER=redis skips RabbitMQ, EMBEDDED_BROKER=rabbitmq refuses to do without.
    """
    if environ.get("BROKER_URL"):
        return Named({}, "broker: as BROKER_URL says")
    wish = environ.get("EMBEDDED_BROKER") or "auto"
    if wish not in {"auto", "rabbitmq", "redis"}:
        raise CannotStart(f"EMBEDDED_BROKER={wish}: expected auto, rabbitmq or redis")
    if wish != "redis":
        found = find_rabbitmq()
        if found is not None:
            return prepare_rabbitmq(state, environ, *found)
        version = installed_broker()
        if version is not None:
            # Others may use that broker too, another stack for one: queues get a name of ours.
            values = {"BROKER_URL": "amqp://guest:guest@127.0.0.1:5672//", "QUEUE_PREFIX": f"nexus-{state.stack_id}"}
            return Named(values, f"broker: the RabbitMQ {version_text(version)} that runs on 127.0.0.1:5672")
        if wish == "rabbitmq":
            raise CannotStart("EMBEDDED_BROKER=rabbitmq, but no RabbitMQ 3.10 or later (with Erlang) is on the PATH or on 127.0.0.1:5672")
    reason = "EMBEDDED_BROKER=redis" if wish == "redis" else "no RabbitMQ found"
    return Named({"BROKER_URL": broker_over_redis(redis_url)}, f"broker: kombu over Redis ({reason}): {OVER_REDIS}")


def broker_over_redis(redis_url: str) -> str:
    """Return kombu's address of the Redis at `redis_url`; on a socket the database after the one of the results, they may not meet.

    Raises CannotStart for a scheme that kombu's Redis transport does not take.
    """
    parts = urlsplit(redis_url)
    if parts.scheme in {"redis", "rediss"}:
        return redis_url
    if parts.scheme == "unix":
        database = int(parse_qs(parts.query).get("db", ["0"])[0])
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return f"redis+socket://{login}{quote(unquote(parts.path))}?virtual_host={database + 1}"
    raise CannotStart(f"there is no RabbitMQ and the broker cannot run over REDIS_URL ({parts.scheme}://…): set BROKER_URL")
