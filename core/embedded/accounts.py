"""Which user a server runs as: PostgreSQL and RabbitMQ must not run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.embedded.errors import CannotStart


@dataclass(frozen=True)
class Account:
    """An unprivileged user that root hands a server to."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run a program as this user, without root's groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(existing: Path | None = None) -> Account | None:
    """Return the user for a server that refuses root: None (ourselves) unless we are root.

    A folder that is there already (`existing`) keeps its owner. Raises CannotStart without any usable user.
    """
    if os.geteuid() != 0:
        return None
    if existing is not None and existing.is_dir() and existing.stat().st_uid != 0:
        owner = existing.stat()
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody` to run it as")


def can(account: Account | None, permission: str, path: Path) -> bool:
    """Whether `account` has `permission` (`r`, `w` or `x`) on `path`, tried as that user: access lists and mounts count too."""
    if account is None:
        return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[permission])
    probe = ["/bin/sh", "-c", f'test -{permission} "$1"', "sh", str(path)]
    try:
        return subprocess.run(probe, check=False, cwd="/", timeout=10, **account.popen_arguments()).returncode == 0
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"cannot run a program as user {account.name}: {error}") from error


def write_for(account: Account | None, path: Path, text: str, *, append: bool = False) -> None:
    """Write a file (0600) that belongs to `account`; a link in its place is refused, its folder may be another user's."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
