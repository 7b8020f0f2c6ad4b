"""`make run`: servers, migrations, then the processes of the Procfile in the foreground until somebody stops them."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from core.embedded.console import Console
from core.embedded.environment import Address, web_address
from core.embedded.errors import CannotStart
from core.embedded.procfile import parse_procfile
from core.embedded.program import Program
from core.embedded.services_env import write_services_env
from core.embedded.stack import Stack
from core.embedded.state import State

STOP_ORDER = ("web", "beat", "relay", "worker")
_WEB_SECONDS = 90.0
_BAD_SETTINGS = 2  # what our processes end with then; see core/settings/__init__.py


async def run_stack(stack: Stack, state: State, console: Console, project: Path, environ: Mapping[str, str]) -> None:
    """Bring everything up and stay until cancelled. Raises CannotStart with one line if something does not come up."""
    address = web_address(environ)
    stack.tell_processes({"HOST": address.host, "PORT": str(address.port)})
    check_port(address)
    commands = parse_procfile((project / "Procfile").read_text(encoding="utf-8"))
    console.say(f"starting, data in {state.path}")
    if "DATABASE_URL" in environ:
        await asyncio.to_thread(check_database, environ["DATABASE_URL"])
    await stack.start_servers()
    write_services_env(state.path, stack.urls)
    code = await stack.run_once(manage("migrate", "migrate", stack.environ, project, "--noinput"))
    if code == _BAD_SETTINGS:
        raise CannotStart("a setting cannot be read, see the line above")
    if code:
        raise CannotStart("the migrations failed, see the lines above")
    for name in sorted(commands, key=lambda name: STOP_ORDER.index(name) if name in STOP_ORDER else len(STOP_ORDER)):
        if name != "web":  # votes are taken while the broker, the slowest to start, is still on its way
            await stack.broker_up()
        await stack.start(process(name, commands[name], stack.environ, project))
    # a database that somebody else named is theirs to fill
    demo = asyncio.create_task(stack.run_once(manage("demo", "create_demo_poll", stack.environ, project))) if "DATABASE_URL" not in environ else None
    await wait_for_web(address)
    if demo is not None and await demo:
        console.say("there is no demo poll, see the lines above; everything else works")
    tell_urls(console, address)
    await asyncio.Event().wait()


def manage(name: str, command: str, environ: Mapping[str, str], project: Path, *arguments: str) -> Program:
    """Return a management command to run once."""
    argv = (sys.executable, "manage.py", command, *arguments)
    return Program(name=name, argv=argv, cwd=project, env=environ, grace=grace(environ))


def process(name: str, command: str, environ: Mapping[str, str], project: Path) -> Program:
    """Return a process of the Procfile. The shell fills in variables and makes way for the command."""
    return Program(name=name, argv=("/bin/sh", "-c", f"exec {command}"), cwd=project, env=environ, grace=grace(environ))


def grace(environ: Mapping[str, str]) -> float:
    """Return how many seconds a process has to finish what it is doing, as STOP_GRACE_SECONDS says."""
    text = environ.get("STOP_GRACE_SECONDS") or "10"
    try:
        return float(text)
    except ValueError:
        raise CannotStart(f"STOP_GRACE_SECONDS={text}: expected a number of seconds") from None


def check_port(address: Address) -> None:
    """Raise CannotStart if nobody can listen there now."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            raise CannotStart(f"cannot listen on {address.host}:{address.port}: {error.strerror}; choose another one with PORT=…") from error


def check_database(url: str) -> None:
    """Raise CannotStart, in one line and without a password, if the database that was named cannot be reached."""
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.Error as error:
        raise CannotStart(f"the database of DATABASE_URL cannot be reached: {' '.join(str(error).split())}") from None


async def wait_for_web(address: Address) -> None:
    """Wait until `/livez` answers 200. Raises CannotStart if it does not in time."""
    deadline = time.monotonic() + _WEB_SECONDS
    while not await answers(address):
        if time.monotonic() > deadline:
            raise CannotStart(f"web did not answer {address.url}/livez within {_WEB_SECONDS:g} s, see the lines above")
        await asyncio.sleep(0.1)


async def answers(address: Address) -> bool:
    """Whether `GET /livez` answers 200 now."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(address.reachable_host, address.port)
            try:
                writer.write(f"GET /livez HTTP/1.1\r\nHost: {address.reachable_host}:{address.port}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def tell_urls(console: Console, address: Address) -> None:
    """Say where to look."""
    console.say("ready:")
    for path, what in (("/", "polls"), ("/api/docs/", "the API, to try"), ("/admin/", "administration"), ("/readyz", "state of every part")):
        console.say(f"  {address.url}{path:<11} {what}")
    console.say("Ctrl-C stops everything")
