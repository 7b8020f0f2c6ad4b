"""The whole system under its real supervisor, in a STATE_DIR of its own, with a wire between each process and each server."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
from psycopg2.extensions import parse_dsn

from core.embedded.cleaning import remove_state
from core.embedded.procfile import parse_procfile
from core.embedded.program import die_with_parent
from core.embedded.services_env import read_services_env
from tests.faults.asking import ask
from tests.faults.wires import Network, Target, Wire
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests" / "integration" / "embedded" / "runner.py"
PROCESSES = ("web", "relay", "worker", "beat")
SERVERS = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "rabbitmq": "BROKER_URL"}
_UP_SECONDS = 120.0
_NEVER_FROM_OUTSIDE = ("DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "BROKER_URL", "STATE_DIR", "MAKELEVEL", "MAKEFLAGS", "NEXUS_STACK")


class FaultyStack:
    """One supervisor with PostgreSQL, Redis, RabbitMQ, web (two processes), relay, worker and beat.

    Use from the main thread: the kernel stops the supervisor when the thread that started it ends.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.project = folder / "project"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.network = Network()
        self.wires = {(process, server): self._wire(process, server) for process in PROCESSES for server in SERVERS}
        self.starts = 0
        self.supervisor: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_hex(16)
        self._make_project()

    def start(self) -> None:
        """What `make run` does, on our Procfile. Returns when it says that it is ready and everything has connected."""
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if name not in _NEVER_FROM_OUTSIDE} | {
            "PYTHONPATH": str(ROOT),
            "STATE_DIR": str(self.state_dir),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_WORKERS": "2",
            "EMBEDDED_BROKER": "rabbitmq",
            "VOTE_RATE_LIMIT": "off",
            "AUTH_RATE_LIMIT": "off",
            "STOP_GRACE_SECONDS": "10",
        }
        with self.log_file.open("ab") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, str(RUNNER), str(self.project)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  (what it does between fork and exec takes no lock)
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Votes are taken, RabbitMQ is up, relay and worker run."""

        def up() -> bool:
            assert self.supervisor is not None
            assert self.supervisor.poll() is None, self.last_words()
            return self.answers("/readyz") == 200 and all(self.process(name) for name in PROCESSES)

        wait_until(up, seconds=_UP_SECONDS)

    def stop(self, *, remove: bool = True) -> None:
        """Stops everything and removes its data."""
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            if remove:
                wait_until(lambda: "stopping (SIGTERM)" in self.last_words(400), seconds=20)
                self.supervisor.terminate()  # once more hurries: what is thrown away need not be tidy
            try:
                self.supervisor.wait(60)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait(10)
        self.network.close()
        if remove and (self.state_dir / "stack-id").exists():
            remove_state(self.state_dir)

    @property
    def log_file(self) -> Path:
        return self.folder / "supervisor.log"

    def last_words(self, lines: int = 40) -> str:
        return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def answers(self, path: str) -> int | None:
        """The status of a GET to web; None when nobody answers."""
        try:
            return ask(self.port, "GET", path, seconds=3.0)[0]
        except OSError:
            return None

    # -- who runs

    def children(self) -> list[psutil.Process]:
        """What the supervisor itself has started, but for its watchdog."""
        if self.supervisor is None or self.supervisor.poll() is not None:
            return []
        try:
            return [child for child in psutil.Process(self.supervisor.pid).children() if "core.embedded.watchdog" not in _words(child)]
        except psutil.NoSuchProcess:
            return []

    def process(self, name: str) -> psutil.Process | None:
        """The living process of the Procfile with this name, or the server `postgres`, `redis` or `rabbitmq`; None while there is none."""
        return next((child for child in self.children() if _is(name, child)), None)

    def address(self, server: str) -> Target:
        """Where a server listens at this moment. LookupError while the stack does not say."""
        url = read_services_env(self.state_dir)[SERVERS[server]]
        parts = urlsplit(url)
        if server == "postgres":
            dsn = parse_dsn(url)
            return f"{dsn['host']}/.s.PGSQL.5432"
        if server == "redis":
            return unquote(parts.path or parts.netloc)
        return parts.hostname or "127.0.0.1", parts.port or 5672

    def own_url(self, server: str) -> str:
        """The server's address for the tests themselves, past all wires."""
        return read_services_env(self.state_dir)[SERVERS[server]]

    def environment(self, process: str) -> dict[str, str]:
        """What a process of this name is told about its servers: its wires."""
        ports = {server: self.wires[process, server].port for server in SERVERS}
        database = f"postgresql://nexus@127.0.0.1:{ports['postgres']}/nexus?sslmode=disable&gssencmode=disable"
        return {
            "DATABASE_URL": database,
            "DATABASE_DIRECT_URL": database,
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "BROKER_URL": f"amqp://nexus:{self._password}@127.0.0.1:{ports['rabbitmq']}//",
        }

    def _wire(self, process: str, server: str) -> Wire:
        return self.network.wire(f"{process} to {server}", lambda: self.address(server))

    def _make_project(self) -> None:
        """A project folder whose Procfile is the real one, with each process sent over its own wires."""
        self.project.mkdir(parents=True)
        self.state_dir.mkdir(mode=0o711)
        (self.project / "manage.py").symlink_to(ROOT / "manage.py")
        record = self.state_dir / "rabbitmq.password"  # the supervisor keeps one that is there
        record.touch(0o600)
        record.write_text(self._password, encoding="ascii")
        lines = []
        for name, command in parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8")).items():
            told = " ".join(f"'{variable}={value}'" for variable, value in self.environment(name).items())
            lines.append(f"{name}: env {told} {command}\n")
        (self.project / "Procfile").write_text("".join(lines), encoding="utf-8")


def _is(name: str, process: psutil.Process) -> bool:
    words = _words(process)
    match name:
        case "web" | "relay":
            return f"run_{name}" in words
        case "worker" | "beat":
            return "celery" in words and name in words
        case "postgres":
            return bool(words) and words[0].endswith("/postgres")
        case "redis":
            return bool(words) and words[0].split()[0].endswith(("redis-server", "valkey-server"))
        case "rabbitmq":
            return any("rabbit" in word for word in words) and "celery" not in words
    raise LookupError(name)


def _words(process: psutil.Process) -> list[str]:
    try:
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def fresh(folder: Path) -> Path:
    """An empty folder; what an earlier run left there is stopped and removed."""
    state = folder / "state"
    if (state / "stack-id").exists():
        remove_state(state)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def gone(pid: int, started: float, *, seconds: float = 10.0) -> None:
    """Fails unless the process that had `pid` is gone within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            process = psutil.Process(pid)
            if process.create_time() != started or process.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        assert time.monotonic() < end, f"process {pid} still lives"
        time.sleep(0.01)
