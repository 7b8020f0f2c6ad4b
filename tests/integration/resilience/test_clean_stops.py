"""SIGTERM and SIGHUP: what is under way is finished or handed back, whoever takes over does so at once, and nothing is lost or counted twice."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from pytest_django.fixtures import Settings

from tests.factories import ballot, make_poll
from tests.integration.resilience.conftest import COUNTED, Voters, holding, select, web_process
from tests.processes import RELAY, WORKER, running
from tests.stack import free_port
from tests.waiting import wait_until

LEADERS = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'nexus-relay-cutter' AND a.datname = current_database()
"""
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = %s AND datname = current_database()"
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_vote_whose_commit_is_slow_is_answered_although_the_server_was_told_to_stop(
    committed_db: None, own_names: str, tmp_path: Path, number: signal.Signals
) -> None:
    poll = make_poll()
    body = ballot(poll)
    with web_process(tmp_path) as web, ThreadPoolExecutor(1) as pool:
        assert web.vote(poll.id, body).status_code == 201
        with holding(f"SELECT pg_advisory_xact_lock(hashtextextended('{poll.id}', 7))"):
            vote = pool.submit(web.vote, poll.id, body)
            wait_until(lambda: select(BLOCKED, "nexus-committer"))
            web.process.signal(number)
        assert vote.result().status_code in {201, 503}  # 503 when the machine was so slow that the lock's time-out came first
        assert web.process.exit_code() in {0, -signal.SIGTERM}
        assert "Traceback" not in web.process.said
        counted = 1 + (vote.result().status_code == 201)
        assert select(COUNTED, poll.id) == [(counted, counted)]


def test_one_after_the_other_of_two_web_processes_is_restarted_and_every_voter_is_answered_once(committed_db: None, own_names: str, tmp_path: Path) -> None:
    poll = make_poll()
    ports = [free_port(), free_port()]
    voters = Voters([f"http://127.0.0.1:{port}" for port in ports], poll.id, ballot(poll))
    with ExitStack() as stack:
        webs = [stack.enter_context(web_process(tmp_path / str(port), port=port)) for port in ports]
        with voters.voting(8):
            for turn, port in enumerate(ports):
                seen = len(voters.receipts)
                wait_until(lambda seen=seen: len(voters.receipts) > seen + 50, seconds=60)  # type: ignore[misc]
                webs[turn].process.signal(signal.SIGTERM)
                assert webs[turn].process.exit_code() in {0, -signal.SIGTERM}
                stack.enter_context(web_process(tmp_path / f"{port}-again", port=port))
            seen = len(voters.receipts)
            wait_until(lambda: len(voters.receipts) > seen + 50, seconds=60)
        assert voters.strange == []
        assert len(set(voters.receipts)) == len(voters.receipts)
        assert select(COUNTED, poll.id) == [(len(voters.receipts), len(voters.receipts))]


@pytest.mark.slow
def test_sighup_replaces_the_processes_behind_one_socket_while_voters_vote(committed_db: None, own_names: str, tmp_path: Path) -> None:
    poll = make_poll()
    with web_process(tmp_path, WEB_WORKERS="2") as web:
        parent = psutil.Process(web.process.pid)

        def serving() -> set[int]:
            return {child.pid for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())}

        wait_until(lambda: len(serving()) == 2)
        before, voters = serving(), Voters([web.url], poll.id, ballot(poll))
        with voters.voting(8):
            wait_until(lambda: len(voters.receipts) > 50, seconds=60)
            parent.send_signal(signal.SIGHUP)
            wait_until(lambda: len(serving()) == 2 and not serving() & before, seconds=60)
            seen = len(voters.receipts)
            wait_until(lambda: len(voters.receipts) > seen + 50, seconds=60)
        assert voters.strange == []
        assert select(COUNTED, poll.id) == [(len(voters.receipts), len(voters.receipts))]


def test_a_relay_that_is_told_to_stop_gives_the_lead_away_at_once(committed_db: None, own_names: str, tmp_path: Path) -> None:
    with running(RELAY, tmp_path) as first:
        leader = wait_until(lambda: select(LEADERS))
        with running(RELAY, tmp_path) as second:
            wait_until(
                lambda: len(select("SELECT 1 FROM pg_stat_activity WHERE application_name = 'nexus-relay-cutter' AND datname = current_database()")) == 2
            )
            first.signal(signal.SIGTERM)
            assert first.exit_code() == 0
            assert select(LEADERS) != leader
            wait_until(lambda: "this relay leads" in second.said)
            assert "Traceback" not in first.said


@pytest.mark.parametrize("patient", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_worker_that_is_told_to_stop_amid_a_batch_finishes_it_or_hands_it_back(
    committed_db: None, own_names: str, rabbitmq: None, tmp_path: Path, settings: Settings, *, patient: bool
) -> None:
    """Patient: what holds the batch up lets go in time; else the supervisor's patience ends, and the next worker gets it again."""
    poll = make_poll()
    with web_process(tmp_path / "web") as web, running(RELAY, tmp_path), running(WORKER, tmp_path) as worker:
        wait_until(lambda: "ready." in worker.said, seconds=60)
        with holding("LOCK TABLE poll_tallies IN EXCLUSIVE MODE"):
            assert web.vote(poll.id, ballot(poll)).status_code == 201
            wait_until(lambda: select(WAITING))
            psutil.Process(worker.pid).send_signal(signal.SIGTERM)
            wait_until(lambda: "shutdown" in worker.said.lower())
            if not patient:
                worker.signal(signal.SIGKILL)
                worker.exit_code(seconds=40)
        worker.exit_code(seconds=40)
        counted = "SELECT applied_at IS NOT NULL FROM vote_batches"
        if patient:
            assert select(counted) == [(True,)]
        with running(WORKER, tmp_path):
            wait_until(lambda: select(counted) == [(True,)], seconds=60)
            wait_until(lambda: select("SELECT ballots FROM poll_tallies WHERE poll_id = %s", poll.id) == [(1,)])
