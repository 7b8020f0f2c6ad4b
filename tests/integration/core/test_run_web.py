"""`manage.py run_web` as the operator meets it: a real process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def run_web(state: Path, port: int, **environ: str) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.integration.core.tiny_settings", "STATE_DIR": str(state), "PORT": str(port), **environ}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_web"], cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def eventually(question: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def answers(port: int, path: str = "/") -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
    except httpx.TransportError:
        return None


def test_a_request_in_flight_is_finished_after_sigterm(tmp_path: Path) -> None:
    port = free_port()
    with run_web(tmp_path, port) as web:
        eventually(lambda: answers(port))
        got: list[httpx.Response | None] = []
        asker = threading.Thread(target=lambda: got.append(answers(port, "/slow")))
        asker.start()
        time.sleep(0.3)  # nothing outside the server tells that the request is in
        web.send_signal(signal.SIGTERM)
        assert web.wait(15) in {0, -signal.SIGTERM}
        asker.join()
        assert got[0] is not None
        assert got[0].status_code == 200
        assert "server" not in got[0].headers
        assert "Traceback" not in web.communicate()[0]


def test_nobody_is_believed_about_the_client_address(tmp_path: Path) -> None:
    port = free_port()
    with run_web(tmp_path, port):
        eventually(lambda: answers(port))
        answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.text.split()[1] == "127.0.0.1"


def test_ctrl_c_leaves_no_trace(tmp_path: Path) -> None:
    port = free_port()
    with run_web(tmp_path, port) as web:
        eventually(lambda: answers(port))
        web.send_signal(signal.SIGINT)
        assert web.wait(15) == 0
        assert "Traceback" not in web.communicate()[0]


def test_a_port_in_use_is_one_clear_line_and_a_failure(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with run_web(tmp_path, port) as web:
            output, _ = web.communicate(timeout=30)
            assert web.returncode not in {0, None}
            assert output.strip().splitlines() == [
                f"CommandError: Cannot listen on 127.0.0.1 port {port}: Address already in use. Set HOST and PORT to choose another."
            ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_does_not_start_is_a_failure(tmp_path: Path, workers: str) -> None:
    with run_web(tmp_path, free_port(), TINY_FAILS="1", WEB_WORKERS=workers) as web:
        output, _ = web.communicate(timeout=60)
        assert web.returncode not in {0, None}
        assert "no good" in output


def test_a_rate_that_is_none_is_named_before_anything_starts(tmp_path: Path) -> None:
    with run_web(tmp_path, free_port(), VOTE_RATE_LIMIT="60/min") as web:
        output, _ = web.communicate(timeout=30)
        assert web.returncode not in {0, None}
        assert "VOTE_RATE_LIMIT: '60/min' is not a rate; write for example 60/minute" in output


def test_of_two_workers_a_dead_one_is_replaced_and_all_end_together(tmp_path: Path) -> None:
    port = free_port()
    with run_web(tmp_path, port, WEB_WORKERS="2") as web:
        eventually(lambda: answers(port))
        eventually(lambda: len(serving(web.pid)) == 2)
        before = serving(web.pid)
        eventually(lambda: answers(port, "/die") is None)
        eventually(lambda: len(serving(web.pid)) == 2 and serving(web.pid) != before)
        eventually(lambda: answers(port))
        children = psutil.Process(web.pid).children()
        web.send_signal(signal.SIGTERM)
        assert web.wait(20) == 0
        assert not psutil.wait_procs(children, timeout=5)[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crowd_that_came_at_once_is_answered(tmp_path: Path, workers: int) -> None:
    port = free_port()
    with run_web(tmp_path, port, WEB_WORKERS=str(workers)) as web, contextlib.ExitStack() as crowd:
        eventually(lambda: answers(port))
        eventually(lambda: len(serving(web.pid)) == workers if workers > 1 else True)
        processes = [psutil.Process(web.pid), *psutil.Process(web.pid).children()]
        for process in processes:
            process.suspend()
        clients = [crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(150)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        for process in processes:
            process.resume()
        assert [client.recv(15) for client in clients] == [b"HTTP/1.1 200 OK"] * len(clients)
        web.send_signal(signal.SIGTERM)
        assert web.wait(20) in {0, -signal.SIGTERM}
        assert "Traceback" not in web.communicate()[0]


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    port = free_port()
    with run_web(tmp_path, port, WEB_WORKERS="2") as web:
        eventually(lambda: answers(port))
        eventually(lambda: len(serving(web.pid)) == 2)
        children = psutil.Process(web.pid).children(recursive=True)
        web.kill()
        assert not psutil.wait_procs(children, timeout=15)[1]


def serving(parent: int) -> set[int]:
    """Process ids of the workers, dead ones left out."""
    return {child.pid for child in psutil.Process(parent).children() if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())}
