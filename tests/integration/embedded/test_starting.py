"""What may stand in the way of a start, and what happens to processes that die later."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from core.embedded.services_env import read_services_env
from core.embedded.state import ELSEWHERE
from tests.integration.embedded.conftest import Run, Start, until


def fails(run: Run) -> str:
    """Wait for a start to fail and return its last line; nothing may be left."""
    assert run.process.wait(60) == 1
    assert run.family() == []
    last = run.output().strip().splitlines()[-1]
    assert "Traceback" not in run.output()
    return last


def setting(url: str, name: str) -> str:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


def test_the_database_is_durable_private_and_speaks_every_language(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    url = read_services_env(run.state_dir)["DATABASE_URL"]
    expected = {
        "fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "max_prepared_transactions": "0", "listen_addresses": "",
        "server_encoding": "UTF8", "max_connections": "200", "idle_session_timeout": "0",
    }  # fmt: skip
    assert {name: setting(url, name) for name in expected} == expected
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT setting, 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'wal_compression'")
        assert cursor.fetchone() in {("lz4", True), ("pglz", False)}
    folder = Path(setting(url, "unix_socket_directories"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert redis.Redis.from_url(read_services_env(run.state_dir)["REDIS_URL"]).ping()


def test_two_stacks_stand_side_by_side(start: Start, tmp_path: Path) -> None:
    first = start(tmp_path / "one", EMBEDDED_BROKER="auto")
    second = start(tmp_path / "two", EMBEDDED_BROKER="auto")
    first.wait_until_ready()
    second.wait_until_ready()
    assert read_services_env(first.state_dir).keys() == read_services_env(second.state_dir).keys()
    assert not set(read_services_env(first.state_dir).values()) & set(read_services_env(second.state_dir).values())
    first.process.kill()
    until(first.nothing_is_left, 40)
    assert setting(read_services_env(second.state_dir)["DATABASE_URL"], "fsync") == "on"


def test_a_taken_port_is_one_clear_line(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in fails(start(PORT=port))


def test_a_second_stack_on_one_state_dir_is_refused_at_once(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    second = start(run.state_dir)
    assert second.process.wait(10) == 1
    assert f"a stack already runs on {run.state_dir} (pid {run.process.pid})" in second.output()


def test_a_full_disk_is_one_clear_line(start: Start) -> None:
    assert "disk full" in fails(start(FAKE_FREE=str(1 << 60)))


def test_failed_migrations_stop_everything(start: Start) -> None:
    assert "the migrations failed" in fails(start(FAKE_MIGRATE="1"))


def test_a_database_that_does_not_start_says_why(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    data = next(process for process in run.named("postgres") if "-D" in process.cmdline()).cwd()
    run.process.terminate()
    assert run.stop(signal.SIGTERM) == 0
    with (Path(data) / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("no_such_setting = 1\n")
    assert "postgresql.conf" in (line := fails(start(run.state_dir)))
    assert "FATAL" in line


def test_a_dead_child_is_started_again(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    web = run.named("manage.py web")[0]
    web.kill()
    until(lambda: run.output().count("web ended (SIGKILL), starting it again in 0.5 s") == 1)
    until(lambda: any(process.pid != web.pid for process in run.named("manage.py web")))
    until(run.answers)


def test_a_dead_database_is_started_again_at_the_same_address(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    url = read_services_env(run.state_dir)["DATABASE_URL"]
    next(process for process in run.named("postgres") if "-D" in process.cmdline()).kill()

    def is_back() -> bool:
        try:
            return setting(url, "fsync") == "on"
        except psycopg2.OperationalError:
            return False

    until(lambda: "postgres ended (SIGKILL)" in run.output())
    until(is_back)


def test_a_deep_state_dir_gets_its_sockets_elsewhere_and_they_go_with_the_stack(start: Start, tmp_path: Path) -> None:
    run = start(tmp_path / ("deep-" * 20) / "state")
    run.wait_until_ready()
    socket_path = redis.Redis.from_url(read_services_env(run.state_dir)["REDIS_URL"]).connection_pool.connection_kwargs["path"]
    folder = Path(socket_path).parent
    assert folder.name.startswith("nexus-")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    run.process.kill()
    until(run.nothing_is_left, 40)
    until(lambda: not folder.exists())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands servers to another user")
def test_root_keeps_the_cluster_elsewhere_when_the_database_user_cannot_enter(start: Start, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    run = start()
    run.wait_until_ready()
    home = ELSEWHERE / run.stack_id / "postgres"
    assert f"data in {home}" in run.output()
    assert home.stat().st_uid != 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    server = next(process for process in run.named("postgres") if "-D" in process.cmdline())
    assert server.uids().real != 0


def test_servers_from_the_wheels_do_when_nothing_is_installed(start: Start) -> None:
    run = start(FAKE_WHEELS="1", EMBEDDED_BROKER="auto", PATH="/usr/bin/none:/bin/none")
    run.wait_until_ready()
    assert run.output().count("from its wheel") == 2
    assert "kombu over Redis" in run.output() or "runs on 127.0.0.1:5672" in run.output()
    assert all(process.status() != psutil.STATUS_ZOMBIE for process in run.named("postgres"))
