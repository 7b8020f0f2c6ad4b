"""The embedded RabbitMQ: finds an installed broker and runs a node of our own with it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

import amqp

from core.embedded.accounts import server_account, write_for
from core.embedded.errors import CannotStart
from core.embedded.program import Program
from core.embedded.rabbitmq_config import ADVANCED, NO_PLUGINS, Ports, config_text, node_variables
from core.embedded.server import Server
from core.embedded.state import State
from core.embedded.versions import RABBITMQ_FLOOR, Version, parse_version, version_text

USER = "nexus"
INSTALLED = ("127.0.0.1", 5672)
_NAME = "rabbitmq"
_PORTS = range(20_000, 32_000)  # below the ports that the kernel gives to outgoing connections
_REAL_SCRIPTS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/lib64/rabbitmq/bin/rabbitmq-server")


def find_rabbitmq() -> tuple[Path, Version | None] | None:
    """Return the broker's own start script and its version (None: it does not tell), or None when there is none to use.

    Distributions put a wrapper on the PATH that insists on root or on their own user; the script behind it does not.
    """
    on_path = shutil.which("rabbitmq-server")
    if on_path is None or shutil.which("erl") is None:
        return None
    places = [Path(on_path)] if "su " not in _text(Path(on_path)) else []
    places += [Path(place) for place in _REAL_SCRIPTS]
    for place in places:
        if os.access(place, os.X_OK):
            named = re.search(r"rabbitmq_server-([\d.]+)", str(place.resolve()))
            version = parse_version(named[1]) if named else None
            return (place, version) if version is None or version >= RABBITMQ_FLOOR else None
    return None


def prepare_rabbitmq(state: State, environ: Mapping[str, str], script: Path, version: Version | None) -> Server:
    """Write the settings of our node and return the server to start, its name service first."""
    account = server_account(state.existing_home(_NAME))
    home = state.home(_NAME, account)
    state.check_space(home)
    ports = Ports(*free_ports(3))
    password = _password(state)
    texts = {
        "rabbitmq.conf": config_text(port=ports.amqp, user=USER, password=password),
        "advanced.config": ADVANCED,
        "enabled_plugins": NO_PLUGINS,
    }
    for name, text in texts.items():
        write_for(account, home / name, text)
    # The name stays with the folder, since the node's database is filed under it.
    variables = node_variables(home=home, node=f"nexus-{state.stack_id}@localhost", ports=ports, environ=environ)
    epmd = shutil.which("epmd")
    if epmd is None:
        raise CannotStart("RabbitMQ is installed without Erlang's epmd; set BROKER_URL, or EMBEDDED_BROKER=redis")
    return Server(
        variable="BROKER_URL",
        url=f"amqp://{USER}:{password}@127.0.0.1:{ports.amqp}//",
        saying=f"broker: RabbitMQ {version_text(version) if version else ''}, a node of its own on 127.0.0.1:{ports.amqp}",
        program=Program(name=_NAME, argv=(str(script),), cwd=home, env=variables, account=account, log=state.log(_NAME), grace=20.0, stage=1),
        answers=lambda: asyncio.to_thread(_log_in, ports.amqp, password),
        within=90.0,
        before=Program(
            name="epmd",
            argv=(epmd, "-port", str(ports.epmd), "-address", "127.0.0.1"),
            cwd=home,
            env=variables,
            account=account,
            log=state.log("epmd"),
            grace=3.0,
            stage=3,
        ),
    )


def installed_broker() -> Version | None:
    """Return the version of a RabbitMQ that takes guest on 127.0.0.1:5672, None if there is none new enough. Waits 2 s at most."""
    try:
        with socket.create_connection(INSTALLED, timeout=0.5):
            pass
        connection = amqp.Connection(":".join(map(str, INSTALLED)), "guest", "guest", connect_timeout=2, read_timeout=2)
        connection.connect()
    except (OSError, amqp.AMQPError):
        return None
    try:
        told = connection.server_properties  # type: ignore[attr-defined]  # the stubs do not know it
        version = parse_version(str(told.get("version", "")))
        return version if told.get("product") == "RabbitMQ" and version and version >= RABBITMQ_FLOOR else None
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Return loopback ports nobody listens on at this moment."""
    found: list[int] = []
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise CannotStart("no free port between 20000 and 32000 on 127.0.0.1")


def _log_in(port: int, password: str) -> None:
    connection = amqp.Connection(f"127.0.0.1:{port}", USER, password, connect_timeout=3, read_timeout=3)
    try:
        connection.connect()
    except amqp.AMQPError as error:
        raise ConnectionError(str(error)) from error
    connection.close()


def _password(state: State) -> str:
    record = state.path / "rabbitmq.password"
    if not record.exists():
        handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(16))
    return record.read_text(encoding="ascii").strip()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
