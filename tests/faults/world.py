"""What a scenario works with: processes to kill, wires to cut, servers to ask, and the votes that arrive meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import amqp
import psutil
import psycopg2

from core.embedded.procfile import parse_procfile
from tests.faults.crowd import Crowd
from tests.faults.servers import Servers
from tests.faults.stack import ROOT, FaultyStack, gone
from tests.faults.wires import Wire
from tests.waiting import wait_until

T = TypeVar("T")
_RESTART_SECONDS = 60.0


class World(Servers):
    """One stack, the crowd that votes at this moment, and what can be done to them. Belongs to the main thread."""

    def __init__(self, stack: FaultyStack) -> None:
        super().__init__(stack)
        self.crowd: Crowd | None = None
        self.polls: list[str] = []
        self.round = 0  # of the scenario that runs, from 0: for those that vary
        self.said_before = 0
        self._killed_at = 0

    # -- processes

    def wire(self, process: str, server: str) -> Wire:
        """The connections of `web`, `relay`, `worker` or `beat` to `postgres`, `redis` or `rabbitmq`."""
        return self.stack.wires[process, server]

    def recover(self) -> bool:
        """After a round that went wrong: everything mended and up again, so that the next round tells something; whether that succeeded."""
        self.stack.network.heal()
        if self.stack.supervisor is None or self.stack.supervisor.poll() is not None:
            self.stack.start()
        try:
            self.stack.wait_until_up()
        except AssertionError:
            return False
        return True

    def process(self, name: str) -> psutil.Process:
        """The process of the Procfile, or the server, by name; fails when there is none."""
        found = self.stack.process(name)
        assert found is not None, f"there is no {name}:\n{self.stack.last_words()}"
        return found

    def kill(self, name: str, whom: str = "all") -> int:
        """SIGKILL to `all` of a process, to its `leader` alone or to its `children` alone; returns once they are gone. The leader's pid."""
        leader = self.process(name)
        family = {"all": [leader, *leader.children(recursive=True)], "leader": [leader], "children": leader.children(recursive=True)}[whom]
        assert family, f"{name} has no children"
        self._killed_at = self.stack.log_file.stat().st_size
        born = [(one.pid, one.create_time()) for one in family]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        for pid, started in born:
            gone(pid, started)
        return int(leader.pid)

    def wait_for_new(self, name: str, old_pid: int) -> psutil.Process:
        """The process that the supervisor has started in the place of `old_pid`, once it says that it works."""

        def successor() -> psutil.Process | None:
            found = self.stack.process(name)
            return found if found is not None and found.pid != old_pid and self._works(name) else None

        return wait_until(successor, seconds=_RESTART_SECONDS)

    def _works(self, name: str) -> bool:
        match name:
            case "web":
                return self.stack.answers("/readyz") == 200
            case "relay" | "worker":
                return self.said({"relay": "this relay leads", "worker": " ready."}[name], since=self._killed_at)
            case "rabbitmq":
                with suppress(OSError, amqp.AMQPError, LookupError), self.channel():
                    return True
                return False
            case _:
                return True

    def freeze(self, name: str) -> psutil.Process:
        """SIGSTOP to a process and its children."""
        leader = self.process(name)
        for one in [leader, *leader.children(recursive=True)]:
            one.suspend()
        wait_until(lambda: leader.status() == psutil.STATUS_STOPPED)
        return leader

    def thaw(self, leader: psutil.Process) -> None:
        """SIGCONT to what `freeze` has stopped."""
        for one in [leader, *leader.children(recursive=True)]:
            one.resume()

    @contextmanager
    def spare(self, name: str, **more: str) -> Iterator[psutil.Popen]:
        """One more process of the Procfile beside the supervisor's, over the same wires, with `more` in its environment; ended with the block."""
        command = parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8"))[name]
        environment = self.process("relay").environ() | self.stack.environment(name) | more
        with (self.stack.folder / f"spare-{name}.log").open("ab") as log:
            process = psutil.Popen(
                ["/bin/sh", "-c", f"exec {command}"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def said(self, words: str, *, since: int | None = None) -> bool:
        """Whether a process has said this since the scenario began, or since the log was that long."""
        with self.stack.log_file.open("rb") as log:
            log.seek(self.said_before if since is None else since)
            return words.encode() in log.read()

    # -- the votes

    def votes_arrive(self, count: int = 100, *, seconds: float = 20.0) -> None:
        """Waits until `count` more requests have been answered."""
        assert self.crowd is not None
        crowd, before = self.crowd, self.crowd.answered
        wait_until(lambda: crowd.answered >= before + count, seconds=seconds)

    def waiting_batches(self) -> int:
        """Batches that are cut and not applied."""
        return int(self.sql("SELECT count(*) FROM vote_batches WHERE applied_at IS NULL")[0][0])

    def until(self, condition: Callable[[], T | None], *, seconds: float = 20.0) -> T:
        """Waits for a condition; servers that cannot be asked at this moment count as no."""

        def asked() -> T | None:
            try:
                return condition()
            except (psycopg2.Error, OSError, amqp.AMQPError, LookupError):
                return None

        end = time.monotonic() + seconds
        while True:
            value = asked()
            if value:
                return value
            if time.monotonic() > end:
                return wait_until(condition, seconds=0)
            time.sleep(0.01)
