"""One program run as a child: started in a session of its own, watched, stopped for certain."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.embedded import proctable
from core.embedded.accounts import Account
from core.embedded.errors import CannotStart
from core.embedded.guard import Guard

Sink = Callable[[str], None]

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_CHUNK = 65_536
_TELLING = ("FATAL", "PANIC", "No space left", "rror")
_LOG_LIMIT = 8 * 1024 * 1024  # bytes; a longer log of earlier runs is put aside


@dataclass(frozen=True)
class Program:
    """What to run, as whom, and how it wants to be stopped (`grace` in seconds; lower `stage` first)."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    log: Path | None = None  # without one the lines go to the sink
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGKILL
    grace: float = 10.0
    stage: int = 0


class Child:
    """A running `Program`. Use from one event loop."""

    def __init__(self, program: Program, guard: Guard, sink: Sink) -> None:
        self.program = program
        self.started_at = 0.0
        self._log_begins = 0
        self._guard = guard
        self._sink = sink
        self._process: asyncio.subprocess.Process | None = None
        self._started: int = 0
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the program. Raises CannotStart if it cannot be executed."""
        program = self.program
        self.started_at = time.monotonic()
        # Our own pipe: asyncio's `wait` would not return while a grandchild still holds one of its pipes open.
        source, output = (None, open_log(program.log)) if program.log is not None else os.pipe()
        self._log_begins = os.fstat(output).st_size
        try:
            self._process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=program.cwd,
                env=dict(program.env),
                start_new_session=True,
                preexec_fn=die_with_parent(program.stop_signal),
                **(program.account.popen_arguments() if program.account else {}),
            )
        except OSError as error:
            if source is not None:
                os.close(source)
            raise CannotStart(f"{program.name}: cannot run {program.argv[0]}: {error.strerror}") from error
        finally:
            os.close(output)
        self._started = proctable.start_time(self._process.pid) or 0
        self._guard.watch(self._process.pid, stop_signal=program.stop_signal, grace=program.grace, stage=program.stage)
        if source is not None:
            self._pump = asyncio.create_task(self._read(source))

    @property
    def ended(self) -> bool:
        """Whether the process has ended (and been reaped)."""
        return self._process is None or self._process.returncode is not None

    async def wait(self) -> int:
        """Wait for the process to end and clear away what it left; return its code, negative for a signal."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        await self._clear()
        return code

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ask the process to stop; kill it after its grace, or soon after `hurry` is set. Nothing of its session remains."""
        if self._process is None:
            return
        if not self.ended:
            self.signal(self.program.stop_signal)
            if not await self._ends_within(self.program.grace, hurry):
                self.signal(self.program.hurry_signal)
                if not await self._ends_within(3.0, None):
                    self.signal(signal.SIGKILL)
        await self.wait()

    def last_words(self) -> str:
        """Return the line of this run's log that most likely says what went wrong, cut to a readable length."""
        log = self.program.log
        if log is None or not log.exists():
            return ""
        with log.open("rb") as file:
            file.seek(max(self._log_begins, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if any(word in line for word in _TELLING)]
        return (telling or lines or [""])[-1][:300]

    def signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        if self._process is not None and not self.ended:
            proctable.send(self._process.pid, number)

    async def _ends_within(self, seconds: float, hurry: asyncio.Event | None) -> bool:
        if self._process is None:
            return True
        waits = [asyncio.ensure_future(self._process.wait())]
        if hurry is not None:
            waits.append(asyncio.ensure_future(hurry.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()
        return self.ended

    async def _clear(self) -> None:
        if self._process is None:
            return
        deadline = time.monotonic() + 1.0
        while proctable.members(self._process.pid) and time.monotonic() < deadline:  # noqa: ASYNC110  the kernel sends no event for a session
            await asyncio.sleep(0.02)
        proctable.kill_session(self._process.pid, self._started)
        self._guard.forget(self._process.pid)
        if self._pump is not None:
            await asyncio.wait([self._pump], timeout=1.0)
            self._pump.cancel()

    async def _read(self, source: int) -> None:
        stream = asyncio.StreamReader()
        with os.fdopen(source, "rb") as file:
            pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), file)
            try:
                rest = b""
                while chunk := await stream.read(_CHUNK):
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _CHUNK:
                        lines, rest = [*lines, rest], b""
                    for line in lines:
                        self._sink(line.decode(errors="replace").rstrip("\r"))
                if rest:
                    self._sink(rest.decode(errors="replace"))
            finally:
                pipe.close()


def open_log(path: Path) -> int:
    """Open a log to append to, as a file descriptor; a very long one is put aside first."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".old.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def die_with_parent(number: int) -> Callable[[], Any] | None:
    """Return what a child calls before it executes, so that the kernel sends it `number` when we die; None where there is no such call."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl  # looked up here: a child between fork and exec should do as little as possible

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask_kernel
