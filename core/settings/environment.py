"""Reads the environment: real variables first, then `.env`, then what a running `make run` chose."""

from __future__ import annotations

import os
from pathlib import Path

from environs import Env

from core.embedded.services_env import read_services_env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)

STATE_DIR = Path(env.str("STATE_DIR", "") or ".run")
if not STATE_DIR.is_absolute():
    STATE_DIR = BASE_DIR / STATE_DIR

for _name, _value in read_services_env(STATE_DIR).items():
    os.environ.setdefault(_name, _value)


def persistent_secret(name: str, file_name: str, *, bytes_: int = 32) -> str:
    """The secret in variable `name`, else the one kept in `STATE_DIR/file_name`, made on first use.

    The file is created with mode 0600 and never replaced, so that processes which start together agree on one secret.
    """
    given = env.str(name, "")
    if given:
        return given
    path = STATE_DIR / file_name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        STATE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{file_name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(os.urandom(bytes_).hex())
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, path)  # atomic, and fails if another process was first
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
