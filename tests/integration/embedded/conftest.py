"""A small project with its own Procfile, run by the real supervisor on real servers, each in a STATE_DIR of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from core.embedded.cleaning import remove_state
from core.embedded.guard import PROJECT
from core.embedded.state import ELSEWHERE

T = TypeVar("T")
RUNNER = Path(__file__).with_name("runner.py")

MANAGE = """
import http.server, os, subprocess, sys, time
command = sys.argv[1]
if command == "migrate":
    import psycopg2
    psycopg2.connect(os.environ["DATABASE_URL"]).close()
    sys.exit(int(os.environ.get("FAKE_MIGRATE", "0")))
if command == "web":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # a grandchild
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
        def log_message(self, *args): pass
    http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
if command == "worker":
    import signal
    if os.environ.get("FAKE_STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)  # moved away from us
    print("worker is up", flush=True)
    time.sleep(600)
"""
PROCFILE = "# for tests\nweb: python manage.py web\nworker: python manage.py worker\n"


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """Wait until `condition` is true and return what it said; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.05)
    return value


@dataclass
class Run:
    """One supervisor in a process of its own."""

    process: subprocess.Popen[bytes]
    state_dir: Path
    port: int
    output_file: Path
    stack_id: str = ""
    seen: set[int] = field(default_factory=set)

    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait until it says so, and remember the stack's name."""

        def ready() -> bool:
            assert self.process.poll() is None, self.output()
            return "Ctrl-C stops everything" in self.output()

        until(ready, 60)
        self.stack_id = (self.state_dir / "stack-id").read_text(encoding="utf-8").split()[0]
        assert self.answers()

    def answers(self) -> bool:
        """Whether its web process answers now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=5) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def family(self) -> list[psutil.Process]:
        """Every living process that belongs to this run, wherever it has moved itself to."""
        needles = (str(self.state_dir), str(ELSEWHERE / self.stack_id) if self.stack_id else str(self.state_dir))
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                    continue
                words = [*process.cmdline(), process.cwd(), process.environ().get("NEXUS_STACK", "")]
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if any(needle in word for needle in needles for word in words) or (self.stack_id and self.stack_id in words):
                found.append(process)
        return found

    def named(self, part: str) -> list[psutil.Process]:
        """Those of the family whose command line holds `part`."""
        found = []
        for process in self.family():
            with suppress(psutil.NoSuchProcess):  # it ended meanwhile, or is a zombie
                if part in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def watchdog(self) -> psutil.Process | None:
        """The living watchdog of this run."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if "core.embedded.watchdog" in child.cmdline():
                    return child
            except (psutil.ZombieProcess, psutil.NoSuchProcess):
                continue
        return None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def nothing_is_left(self) -> bool:
        return not self.family()


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a supervisor; whatever a test leaves is stopped and removed."""
    runs: list[Run] = []
    project = tmp_path / "project"
    project.mkdir()
    (project / "manage.py").write_text(MANAGE, encoding="utf-8")
    (project / "Procfile").write_text(PROCFILE, encoding="utf-8")

    def begin(state_dir: Path | None = None, **environ: str) -> Run:
        state_dir = state_dir or tmp_path / "state"
        port = int(environ.get("PORT") or free_port())
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "HOME") if name in os.environ}
        settings = {
            "EMBEDDED_BROKER": "redis",
            "STOP_GRACE_SECONDS": "2",
            "PYTHONPATH": str(PROJECT),
            "STATE_DIR": str(state_dir),
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }
        output = tmp_path / f"output-{len(runs)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(RUNNER), str(project)], env=inherited | settings | environ, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        runs.append(Run(process, state_dir, port, output))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)
    for run in runs:
        if (run.state_dir / "stack-id").exists():
            remove_state(run.state_dir)
