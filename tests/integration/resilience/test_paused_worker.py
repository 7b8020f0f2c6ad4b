"""A worker that is put to sleep in the middle of a batch holds nobody up for long, and does no harm when it wakes."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.factories import ballot, make_poll
from tests.integration.resilience.conftest import holding, select, web_process
from tests.processes import RELAY, WORKER, running
from tests.waiting import wait_until

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database() AND query LIKE '%%tallies%%'"
COUNTED = "SELECT ballots FROM poll_tallies WHERE poll_id = %s"


@pytest.mark.slow
def test_another_worker_counts_the_batch_and_the_sleeper_does_not_count_it_again(committed_db: None, own_names: str, rabbitmq: None, tmp_path: Path) -> None:
    poll = make_poll()
    body = ballot(poll)
    settings = {"RELAY_REPUBLISH_SECONDS": "1"}
    with web_process(tmp_path / "web") as web, running(RELAY, tmp_path, **settings), running(WORKER, tmp_path) as sleeper:
        wait_until(lambda: "ready." in sleeper.said, seconds=60)
        family = [psutil.Process(sleeper.pid), *psutil.Process(sleeper.pid).children(recursive=True)]
        with holding("LOCK TABLE choice_tallies IN EXCLUSIVE MODE"):
            assert web.vote(poll.id, body).status_code == 201
            wait_until(lambda: select(WAITING))
            for process in family:
                process.send_signal(signal.SIGSTOP)
        wait_until(lambda: select(ASLEEP))
        with running(WORKER, tmp_path):
            wait_until(lambda: select(COUNTED, poll.id) == [(1,)], seconds=60)
            assert web.vote(poll.id, body).status_code == 201
            wait_until(lambda: select(COUNTED, poll.id) == [(2,)], seconds=60)
            for process in family:
                process.send_signal(signal.SIGCONT)
            for _ in range(5):
                assert web.vote(poll.id, body).status_code == 201
            wait_until(lambda: select(COUNTED, poll.id) == [(7,)], seconds=60)
            assert "Traceback" not in sleeper.said
