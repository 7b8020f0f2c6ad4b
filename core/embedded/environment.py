"""The environment of the stack: real variables, then `.env`, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from core.embedded.errors import CannotStart


@dataclass(frozen=True)
class Address:
    """Where the web process listens."""

    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """A host that a client on this machine can connect to."""
        return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  compared, not bound

    @property
    def url(self) -> str:
        """The address as people type it."""
        host = f"[{self.reachable_host}]" if ":" in self.reachable_host else self.reachable_host
        return f"http://{host}:{self.port}"


def read_environment(project: Path, real: Mapping[str, str], *, dotenv: bool) -> dict[str, str]:
    """Return `real` over what `.env` in `project` says (if `dotenv`); empty variables count as unset in both."""
    values = {name: value for name, value in real.items() if value}
    if dotenv and (project / ".env").is_file():
        values = {name: value for name, value in dotenv_values(project / ".env").items() if value} | values
    return values


def state_path(project: Path, environ: Mapping[str, str]) -> Path:
    """Return STATE_DIR; a relative one begins at the project."""
    return project / Path(environ.get("STATE_DIR") or ".run").expanduser()


def web_address(environ: Mapping[str, str]) -> Address:
    """Return HOST and PORT. Raises CannotStart for a port that is none."""
    text = environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise CannotStart(f"PORT={text}: expected a number from 1 to 65535")
    return Address(environ.get("HOST") or "127.0.0.1", int(text))


def child_environment(environ: Mapping[str, str], python: Path) -> dict[str, str]:
    """Return `environ` with the programs beside `python` first on the PATH and unbuffered output."""
    path = os.pathsep.join([str(python.parent), environ.get("PATH", os.defpath)])
    return {**environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
