"""Finds the stack that runs, or starts one for as long as it is needed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from core.embedded.program import die_with_parent
from core.embedded.services_env import read_services_env
from demo.failures import DemoFailedError

HOST = "127.0.0.1"
_UP_WITHIN = 180.0  # seconds; the first start makes a database
_STOP_WITHIN = 60.0  # seconds
_LAST_WORDS = 15  # lines of the log that say why it did not come up


@asynccontextmanager
async def running_stack(public_url: str, *, port: int, project: Path, state_dir: Path, say: Callable[[str], None]) -> AsyncIterator[str]:
    """The URL of the stack at `public_url`, or of one that is started without a limit on votes and stopped afterwards.

    Raises `DemoFailedError` when none can be started.
    """
    if await is_nexus(public_url):
        say(f"a stack runs at {public_url}")
        yield public_url
        return
    port = port if _is_free(port) else _free_port()
    url = f"http://{HOST}:{port}"
    log = state_dir / "logs" / "demo.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(f"no stack runs at {public_url}: starting one at {url} (its words go to {log})")
    with log.open("wb") as words:
        stack = subprocess.Popen(  # noqa: ASYNC220  (started once)
            [sys.executable, "-m", "core.embedded", "run"],
            cwd=project,
            env=_environment(url, port, state_dir),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours; we stop it in good order
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  (no threads yet)
        )
    try:
        await _wait_until_ready(stack, url, log)
        yield url
    finally:
        say("stopping the stack")
        await asyncio.shield(asyncio.to_thread(_stop, stack))


async def is_nexus(url: str) -> bool:
    """Whether a Nexus answers at `url`: alive, and its list of polls is one."""
    try:
        async with ClientSession(timeout=ClientTimeout(total=5)) as session:
            async with session.get(f"{url.rstrip('/')}/livez", allow_redirects=False) as alive:
                if alive.status != 200:
                    return False
            async with session.get(f"{url.rstrip('/')}/api/v1/polls?page_size=1", allow_redirects=False) as polls:
                return polls.status == 200 and "results" in await polls.json()
    except (ClientError, TimeoutError, ValueError, OSError):
        return False


def _environment(url: str, port: int, state_dir: Path) -> dict[str, str]:
    """Ours, but for the addresses of servers that a crashed stack left behind, with no limit on votes."""
    stale = read_services_env(state_dir)
    kept = {name: value for name, value in os.environ.items() if stale.get(name) != value}
    own = {"HOST": HOST, "PORT": str(port), "PUBLIC_URL": url, "ALLOWED_HOSTS": HOST, "VOTE_RATE_LIMIT": "off", "STATE_DIR": str(state_dir)}
    return {**kept, **own}


async def _wait_until_ready(stack: subprocess.Popen[bytes], url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(_UP_WITHIN), ClientSession(timeout=ClientTimeout(total=5)) as session:
            while stack.poll() is None:
                try:
                    async with session.get(f"{url}/readyz") as ready:
                        if ready.status == 200:
                            return
                except (ClientError, TimeoutError):
                    pass  # not up yet: asked again below
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise DemoFailedError(f"the stack was not ready within {_UP_WITHIN:g} s, see {log}") from None
    words = await asyncio.to_thread(_tail, log)
    raise DemoFailedError("\n".join(["the stack did not come up:", *words]))


def _tail(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_WORDS:]


def _stop(stack: subprocess.Popen[bytes]) -> None:
    if stack.poll() is None:
        stack.terminate()
        try:
            stack.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            stack.kill()
            stack.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
