"""The parts of the embedded stack that only compute."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.embedded import postgres_config, rabbitmq_config, redis_config
from core.embedded.backoff import Backoff
from core.embedded.choice import broker_over_redis
from core.embedded.console import prefix
from core.embedded.environment import Address, read_environment, state_path, web_address
from core.embedded.errors import CannotStart
from core.embedded.guard import PROJECT
from core.embedded.procfile import parse_procfile
from core.embedded.stack import how_it_ended
from core.embedded.versions import POSTGRES_FLOOR, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres  15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
        ("postgres  18beta1", (18,)),
        ("7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", (7, 0, 15)),
        ("3.10.8", (3, 10, 8)),
        ("no number", None),
    ],
)
def test_versions_are_read_from_what_servers_say(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


def test_versions_compare_by_their_numbers() -> None:
    assert (9, 6) < POSTGRES_FLOOR <= (15, 18)


def test_waits_double_up_to_the_cap_and_begin_anew_after_a_minute_of_health() -> None:
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(60.0) == 0.5
    assert backoff.after(59.9) == 1.0


def test_the_procfile_names_the_four_processes() -> None:
    commands = parse_procfile((PROJECT / "Procfile").read_text(encoding="utf-8"))
    assert list(commands) == ["web", "relay", "worker", "beat"]
    assert commands["web"] == "python manage.py run_web"


@pytest.mark.parametrize("text", ["web python", "web:", "web: a\nweb: b", ": a"])
def test_a_procfile_that_is_none_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(CannotStart, match="Procfile, line"):
        parse_procfile(text)


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("rediss://:secret@host/1", "rediss://:secret@host/1"),
        ("unix:///a%20b/redis.sock?db=0", "redis+socket:///a%20b/redis.sock?virtual_host=1"),
        ("unix://:secret@/a/redis.sock", "redis+socket://:secret@/a/redis.sock?virtual_host=1"),
    ],
)
def test_kombu_gets_an_address_it_understands(redis_url: str, broker_url: str) -> None:
    assert broker_over_redis(redis_url) == broker_url


def test_a_sentinel_is_no_broker() -> None:
    with pytest.raises(CannotStart, match="set BROKER_URL"):
        broker_over_redis("redis+sentinel://host/0")


def test_postgres_listens_on_its_socket_only_and_keeps_its_promises() -> None:
    text = postgres_config.config_text(socket_folder=Path("/a'b"), memory=8 << 30, compression="lz4")
    for line in (
        "listen_addresses = ''",
        "unix_socket_directories = '/a''b'",
        "fsync = on",
        "synchronous_commit = on",
        "wal_compression = lz4",
        "max_prepared_transactions = 0",
    ):
        assert line in text.splitlines()
    assert "idle_session_timeout" not in text


@pytest.mark.parametrize(("memory", "mib"), [(256 << 20, 64), (2 << 30, 256), (64 << 30, 2048)])
def test_shared_buffers_fit_the_machine(memory: int, mib: int) -> None:
    assert postgres_config.shared_buffers(memory) == mib


def test_redis_opens_no_port_and_quotes_its_paths() -> None:
    text = redis_config.config_text(folder=Path('/a "b"'), socket=Path("/s/redis.sock"))
    assert "port 0" in text.splitlines()
    assert 'dir "/a \\"b\\""' in text.splitlines()


def test_a_rabbitmq_node_uses_nothing_of_an_installed_broker() -> None:
    variables = rabbitmq_config.node_variables(
        home=Path("/home"), node="n@localhost", ports=rabbitmq_config.Ports(1, 2, 3), environ={"RABBITMQ_NODENAME": "theirs", "ERL_FLAGS": "x", "PATH": "/bin"}
    )
    assert variables["RABBITMQ_NODENAME"] == "n@localhost"
    assert variables["ERL_EPMD_PORT"] == "3"
    assert "ERL_FLAGS" not in variables
    assert all(value.startswith("/home") for name, value in variables.items() if name.endswith(("_FILE", "_BASE", "_DIR")))
    text = rabbitmq_config.config_text(port=7, user="u", password="p")
    assert {"listeners.tcp.1 = 127.0.0.1:7", "raft.wal_max_size_bytes = 8388608"} <= set(text.splitlines())


def test_the_real_environment_wins_over_the_file_and_empty_means_unset(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nHOST=file\nEMPTY=\nSTATE_DIR=there\n", encoding="utf-8")
    values = read_environment(tmp_path, {"PORT": "2", "HOST": ""}, dotenv=True)
    assert values == {"PORT": "2", "HOST": "file", "STATE_DIR": "there"}
    assert read_environment(tmp_path, {"PORT": "2"}, dotenv=False) == {"PORT": "2"}
    assert state_path(tmp_path, values) == tmp_path / "there"
    assert state_path(tmp_path, {}) == tmp_path / ".run"


def test_addresses_are_shown_as_people_type_them() -> None:
    assert web_address({}) == Address("127.0.0.1", 8000)
    assert Address("0.0.0.0", 80).url == "http://127.0.0.1:80"
    assert Address("::", 80).url == "http://[::1]:80"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_one_clear_line(port: str) -> None:
    with pytest.raises(CannotStart, match="PORT="):
        web_address({"PORT": port})


def test_lines_begin_with_the_name_in_colour_only_on_a_terminal() -> None:
    assert prefix("web", 8, None) == "web      |"
    assert prefix("web", 8, 36) == "\033[36mweb      |\033[0m"


def test_exit_codes_are_said_in_words() -> None:
    assert how_it_ended(3) == "exit code 3"
    assert how_it_ended(-9) == "SIGKILL"
