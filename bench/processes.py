"""Starts, watches and stops the processes of a target."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.targets import Skipped
from core.embedded.program import die_with_parent

_UP_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass
class Processes:
    """Processes by component, each leading a session of its own; their words go to `folder`/<component>.log."""

    folder: Path
    started: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)

    def start(self, component: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
        """Starts one process of a component. Raises `Skipped` when it cannot be executed."""
        with (self.folder / f"{component}.log").open("ab") as log:
            try:
                process = subprocess.Popen(
                    argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509  (nothing of ours holds a lock while it starts processes)
                )  # fmt: skip
            except OSError as error:
                raise Skipped(f"cannot run {argv[0]}: {error.strerror}") from error
        self.started.setdefault(component, []).append(process)

    def pids(self) -> dict[str, list[int]]:
        """The running processes by component."""
        return {component: [one.pid for one in processes if one.poll() is None] for component, processes in self.started.items()}

    def wait_for_http(self, host: str, port: int, path: str, *, seconds: float = _UP_SECONDS) -> None:
        """Waits until `GET path` answers 200. Raises `Skipped` with the last line of a log when a process ends or time is up."""
        deadline = time.monotonic() + seconds
        while not answers(host, port, path):
            ended = [component for component, processes in self.started.items() if any(one.poll() is not None for one in processes)]
            if ended or time.monotonic() > deadline:
                who = ended[0] if ended else next(iter(self.started))
                raise Skipped(f"{who} {'ended' if ended else 'does not answer'}: {self.last_words(who)}")
            time.sleep(0.05)

    def last_words(self, component: str) -> str:
        """The last line that a component wrote."""
        lines = (self.folder / f"{component}.log").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")[:300]

    def stop(self, *components: str) -> None:
        """Stops these components, or all: asks them, and kills what is left of their sessions when they take too long."""
        for component in components or tuple(self.started):
            processes = self.started.pop(component, [])
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    kill_session(process)
                    process.wait()


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def answers(host: str, port: int, path: str) -> bool:
    """Whether `GET path` answers 200 now."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
