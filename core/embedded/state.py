"""The STATE_DIR of a stack: its lock, its identity, and where each server keeps its data."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.embedded import proctable
from core.embedded.accounts import Account, can
from core.embedded.errors import CannotStart

ELSEWHERE = Path("/var/lib/nexus")  # for clusters of an unprivileged user who cannot enter STATE_DIR
MINIMUM_FREE = 256 * 1024 * 1024  # bytes; a fresh cluster, its log and a broker need about half
_LONGEST_SOCKET = 100  # bytes; the kernel takes 107, macOS 103
_PATIENCE = 60.0  # seconds for the watchdog of a killed supervisor to finish


@dataclass(frozen=True)
class State:
    """A locked STATE_DIR. `stack_id` is random and stays for its life; a copy of the folder gets another."""

    path: Path
    stack_id: str
    lock: int

    def folder(self, name: str) -> Path:
        """Return `STATE_DIR/name`, made (0700) if it was not there."""
        return make_folder(self.path / name)

    def log(self, name: str) -> Path:
        """Return the log file of a server."""
        return self.folder("logs") / f"{name}.log"

    def existing_home(self, name: str) -> Path | None:
        """Return the folder in which a server that refuses root keeps its data already, if any."""
        homes = (ELSEWHERE / self.stack_id / name, self.path / name)
        return next((home for home in homes if home.is_dir()), None)

    def home(self, name: str, account: Account | None) -> Path:
        """Return the data folder of a server that runs as `account`, made (0700, its own) if it was not there.

        In STATE_DIR where that user can get in, else below /var/lib/nexus; never touches a folder that was there before.
        """
        home = self.existing_home(name)
        if home is None:
            home = self.path / name if can(account, "x", self.path) else ELSEWHERE / self.stack_id / name
        if home.is_relative_to(ELSEWHERE / self.stack_id):
            make_folder(ELSEWHERE, 0o711)
            make_folder(ELSEWHERE / self.stack_id, 0o711)
        make_folder(home, 0o700, account)
        if not can(account, "w", home):
            raise CannotStart(f"user {account.name if account else os.geteuid()} cannot write to {home}")
        return home

    def socket_folder(self, name: str, home: Path, account: Account | None) -> Path:
        """Return a private folder for the sockets of a server: in `home` where paths stay short enough, else a fresh temporary one."""
        near = home / "socket"
        if len(os.fsencode(near / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
            return make_folder(near, 0o700, account)
        record = self.path / f"{name}.socket-folder"
        if record.exists():
            remove_socket_folder(Path(record.read_text(encoding="utf-8").strip()))
        base = tempfile.gettempdir()
        far = Path(tempfile.mkdtemp(prefix="nexus-", dir=base if len(os.fsencode(base)) < 60 else "/tmp"))  # noqa: S108  (a fresh name in it)
        if account is not None:
            os.chown(far, account.uid, account.gid)
        record.write_text(f"{far}\n", encoding="utf-8")
        return far

    def temporary_socket_folders(self) -> list[Path]:
        """Return the temporary folders that `socket_folder` made, with their records: gone when the stack is."""
        records = list(self.path.glob("*.socket-folder"))
        return [Path(record.read_text(encoding="utf-8").strip()) for record in records] + records

    def check_space(self, home: Path) -> None:
        """Raise CannotStart when the disk of `home` is nearly full."""
        free = shutil.disk_usage(home).free
        if free < MINIMUM_FREE:
            raise CannotStart(f"disk full: {free >> 20} MB free at {home}, at least {MINIMUM_FREE >> 20} MB are needed")


def make_folder(path: Path, mode: int = 0o700, account: Account | None = None) -> Path:
    """Make `path` with `mode`, owned by `account`; a folder that was there before is left as it is."""
    try:
        path.mkdir(mode, parents=True)
    except FileExistsError:
        return path
    except OSError as error:
        raise CannotStart(f"cannot make the folder {path}: {error.strerror}") from error
    path.chmod(mode)  # past the umask
    if account is not None:
        os.chown(path, account.uid, account.gid)
    return path


def remove_socket_folder(path: Path) -> None:
    """Remove a temporary folder that `socket_folder` made."""
    if path.name.startswith("nexus-") and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """Make STATE_DIR if need be and hold its lock. Raises CannotStart when another stack has it or it is not ours to write."""
    # 0711 for a root's folder: the unprivileged user of the database must pass through; secrets inside are 0600.
    path = make_folder(path.absolute(), 0o711 if os.geteuid() == 0 else 0o700).resolve()
    owner = path.stat().st_uid
    if os.geteuid() == 0 and owner != 0:  # what root leaves there, its owner could not read afterwards
        raise CannotStart(f"STATE_DIR {path} belongs to another user (id {owner}): start as that user, or choose another one with STATE_DIR=…")
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"cannot write to STATE_DIR {path}: {error.strerror}; choose another one with STATE_DIR=…") from error
    try:
        _acquire(lock, path)
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {proctable.start_time(os.getpid())}\n".encode(), 0)
        yield State(path, _stack_id(path), lock)
    finally:
        os.close(lock)


def _acquire(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, started = os.pread(lock, 64, 0).decode().strip().partition(" ")
            if (pid and str(proctable.start_time(int(pid))) == started) or time.monotonic() > deadline:
                raise CannotStart(f"a stack already runs on {path} (pid {pid or 'unknown'}); choose another one with STATE_DIR=… PORT=…") from None
            if not told:
                sys.stderr.write("nexus: waiting for what a killed stack left to stop …\n")
                told = True
            time.sleep(0.1)
        else:
            return


def _stack_id(path: Path) -> str:
    """Return the random name of this stack. It is kept when the folder was moved, but a copy of a folder gets a new one."""
    record = path / "stack-id"
    try:
        stack_id, _, place = record.read_text(encoding="utf-8").strip().partition(" ")
    except FileNotFoundError:
        stack_id, place = "", ""
    origin = Path(place)
    copied = place != str(path) and (origin / "stack-id").exists()
    if not stack_id or copied:
        stack_id = secrets.token_hex(6)
    if place != str(path) or copied:
        record.write_text(f"{stack_id} {path}\n", encoding="utf-8")
    return stack_id
