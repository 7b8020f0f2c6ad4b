"""What the process table says: who lives, who belongs to a session, who carries a mark.

Standard library only: the watchdog imports it. Without `/proc` only the leader of a session is known.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

MARK = "NEXUS_STACK"  # environment variable that every process of a stack carries
_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


def start_time(pid: int) -> int | None:
    """Return when `pid` started (clock ticks since boot), None if it is gone or only waits to be reaped.

    Together with the number it names a process for ever, a number alone may be given to another one.
    """
    if not _HAS_PROC:
        return 0 if _answers(pid) else None
    fields = _stat(pid)
    return None if fields is None or fields[0] in {"Z", "X"} else int(fields[19])


def members(session: int) -> list[int]:
    """Return the living processes of a session, whatever process group they are in."""
    if not _HAS_PROC:
        return [session] if _answers(session) else []
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields is not None and fields[0] not in {"Z", "X"} and int(fields[3]) == session:
            found.append(pid)
    return found


def marked(value: str) -> list[int]:
    """Return the living processes whose environment says `NEXUS_STACK=value`, as far as we may look."""
    wanted = f"{MARK}={value}".encode()
    found = []
    for pid in _pids():
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and start_time(pid) is not None:
            found.append(pid)
    return found


def working_directory(pid: int) -> Path | None:
    """Return the folder `pid` works in, None if it is gone or not ours to ask."""
    try:
        return (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def send(pid: int, number: int) -> None:
    """Send a signal; a process that is gone is fine."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill_session(session: int, started: int) -> None:
    """SIGKILL every process of the session whose leader started at `started`, also when the leader itself is gone."""
    if start_time(session) not in {None, started}:
        return  # the number belongs to somebody else by now
    for pid in members(session):
        send(pid, signal.SIGKILL)


def stop_marked(value: str, patience: float) -> int:
    """Stop whatever carries the mark but ourselves, wherever it has moved itself to; return how many there were.

    SIGTERM, up to `patience` seconds, SIGKILL. Blocks.
    """
    total = 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        strays = [pid for pid in marked(value) if pid != os.getpid()]
        total = max(total, len(strays))
        for pid in strays:
            send(pid, number)
        deadline = time.monotonic() + patience
        while strays and time.monotonic() < deadline:
            time.sleep(0.05)
            strays = [pid for pid in strays if start_time(pid) is not None]
    return total


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()] if _HAS_PROC else []


def _stat(pid: int) -> list[str] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
