"""However the supervisor ends, nothing of it is left running."""

from __future__ import annotations

import signal
import stat

import psutil
import pytest

from core.embedded.services_env import read_services_env
from tests.integration.embedded.conftest import Start, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_the_exit_code_is_0(start: Start, number: signal.Signals) -> None:
    run = start(FAKE_STUBBORN="1")
    run.wait_until_ready()
    assert len(run.named("manage.py")) >= 2
    assert read_services_env(run.state_dir)["DATABASE_URL"].startswith("postgresql://")
    assert stat.S_IMODE((run.state_dir / "services.env").stat().st_mode) == 0o600
    run.process.send_signal(number)
    until(lambda: "stopping" in run.output())
    assert run.stop(signal.SIGINT) == 0  # the second one hurries: `worker` ignores SIGTERM
    assert run.family() == []
    assert read_services_env(run.state_dir) == {}
    assert "database system is shut down" in (run.state_dir / "logs" / "postgres.log").read_text(encoding="utf-8")


def test_sigkill_of_the_supervisor_leaves_nothing_and_the_next_start_is_clean(start: Start) -> None:
    run = start(EMBEDDED_BROKER="auto", FAKE_STUBBORN="1")
    run.wait_until_ready()
    assert run.named("manage.py worker")
    run.process.kill()
    until(run.nothing_is_left, 40)
    log = (run.state_dir / "logs" / "postgres.log").read_text(encoding="utf-8")
    assert "received fast shutdown request" in log
    assert "database system is shut down" in log
    again = start(run.state_dir)
    again.wait_until_ready()
    assert "was not properly shut down" not in (run.state_dir / "logs" / "postgres.log").read_text(encoding="utf-8")


def test_sigkill_of_supervisor_and_watchdog_is_healed_by_the_next_start(start: Start) -> None:
    run = start(FAKE_STUBBORN="1")
    run.wait_until_ready()
    watchdog = until(run.watchdog)
    psutil.Process(run.process.pid).suspend()  # so that it cannot start another watchdog
    watchdog.kill()
    run.process.kill()
    run.process.wait()
    strays = until(lambda: run.named("manage.py worker"))
    again = start(run.state_dir)
    again.wait_until_ready()
    assert not any(stray.is_running() and stray.status() != psutil.STATUS_ZOMBIE for stray in strays)
    assert "an earlier run had left" in again.output()


def test_a_killed_watchdog_is_started_again_and_knows_everything(start: Start) -> None:
    run = start()
    run.wait_until_ready()
    first = until(run.watchdog)
    first.kill()
    until(lambda: not first.is_running())
    until(run.watchdog)
    run.process.kill()
    until(run.nothing_is_left, 40)


def test_rabbitmq_with_its_name_service_and_helpers_stops_too(start: Start) -> None:
    run = start(EMBEDDED_BROKER="auto")
    run.wait_until_ready()
    if "a node of its own" not in run.output():
        pytest.skip("no RabbitMQ is installed here")
    assert run.named("beam.smp")
    assert run.named("epmd")
    run.process.terminate()
    until(lambda: "stopping" in run.output())
    run.process.terminate()
    assert run.process.wait(60) == 0
    assert run.family() == []
