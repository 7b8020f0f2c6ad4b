"""The whole system over a restore, by HTTP: what voters, readers and the operator see. The short forms are in `test_restores.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connections

from commands.models import Poll
from tests.clusters import Cluster, dump_database, moved_to, own_cluster
from tests.factories import ballot, make_poll
from tests.processes import ROOT, database_dsn
from tests.stack import Stack, running_stack
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def poll(committed_db: None) -> Poll:
    return make_poll(questions=[{"choices": 3}])


def environment(cluster: Cluster, prefix: str) -> dict[str, str]:
    dsn = cluster.dsn(connections["direct"].settings_dict["NAME"])
    return {"DATABASE_URL": dsn, "DATABASE_DIRECT_URL": dsn, "REDIS_PREFIX": prefix, "QUEUE_PREFIX": prefix}


def new_epoch(cluster: Cluster, prefix: str) -> str:
    variables = {"REDIS_URL": settings.REDIS_URL, "SECRET_KEY": settings.SECRET_KEY, "VOTER_KEY_SECRET": settings.VOTER_KEY_SECRET}
    command = [sys.executable, "manage.py", "new_epoch", "--yes"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables | environment(cluster, prefix), check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


@contextmanager
def serving(folder: Path, cluster: Cluster, prefix: str) -> Iterator[Stack]:
    folder.mkdir(exist_ok=True)
    with running_stack(folder, **environment(cluster, prefix)) as stack:
        wait_until(stack.is_ready, seconds=60)
        yield stack


def post(stack: Stack, poll: Poll, key: str) -> httpx.Response:
    return httpx.post(f"{stack.url}/api/v1/polls/{poll.id}/votes", json=ballot(poll, [0]), headers={"Idempotency-Key": key}, timeout=20)


def cast(stack: Stack, poll: Poll, count: int) -> list[str]:
    """The keys of so many votes, each answered 201."""
    keys = [uuid.uuid4().hex for _ in range(count)]
    for key in keys:
        assert post(stack, poll, key).status_code == 201
    return keys


def results(stack: Stack, poll: Poll, **headers: str) -> httpx.Response:
    return httpx.get(f"{stack.url}/api/v1/polls/{poll.id}/results", headers=headers, timeout=20)


def shows(stack: Stack, poll: Poll, ballots: int) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(lambda: answer if (answer := results(stack, poll).json())["ballots"] == ballots else None, seconds=60)
    return found


def order(etag: str) -> tuple[int, int]:
    epoch, version, _ = etag.strip('"').split(".")
    return int(epoch), int(version)


def refused(stack: Stack, poll: Poll) -> bool:
    answer = post(stack, poll, uuid.uuid4().hex)
    assert answer.status_code != 201
    return answer.status_code == 503 and "retry-after" in answer.headers


def test_after_a_dump_was_restored_elsewhere_voting_goes_on_and_every_vote_is_there(poll: Poll, tmp_path: Path) -> None:
    prefix = f"test-{uuid.uuid4().hex[:10]}"
    database = connections["direct"].settings_dict["NAME"]
    with own_cluster() as first, own_cluster() as second:
        first.restore(dump_database(database_dsn(), tmp_path / "first"), database)
        with moved_to(first):
            new_epoch(first, prefix)
            with serving(tmp_path / "first-stack", first, prefix) as stack:
                keys = cast(stack, poll, 20)
                before = shows(stack, poll, 20)["version"]
                stack.kill("relay")
                keys += cast(stack, poll, 10)  # durable, and not cut
            dump = dump_database(first.dsn(database), tmp_path / "second")
        second.restore(dump, database)
        with moved_to(second):
            folder = tmp_path / "second-stack"
            folder.mkdir()
            with running_stack(folder, **environment(second, prefix)) as stack:
                wait_until(lambda: "manage.py new_epoch" in stack.log("relay"), seconds=60)
                assert stack.processes["relay"].wait(20) == 1
                wait_until(lambda: "votes are refused" in stack.log("web"), seconds=60)
                wait_until(lambda: refused(stack, poll), seconds=30)
                assert not stack.is_ready()
            assert "has begun" in new_epoch(second, prefix)
            with serving(folder, second, prefix) as stack:
                assert shows(stack, poll, 30)["version"] > before
                cast(stack, poll, 5)
                again = [post(stack, poll, key) for key in keys]
                assert {answer.status_code for answer in again} == {201}, "a repeated request gets its first answer"
                assert shows(stack, poll, 35)["final"] is False


def test_after_an_old_base_backup_nobody_votes_until_a_new_epoch_and_no_reader_goes_back(poll: Poll, tmp_path: Path) -> None:
    prefix = f"test-{uuid.uuid4().hex[:10]}"
    database = connections["direct"].settings_dict["NAME"]
    folder = tmp_path / "stack"
    with own_cluster() as cluster:
        cluster.restore(dump_database(database_dsn(), tmp_path / "dump"), database)
        with moved_to(cluster):
            new_epoch(cluster, prefix)
            with serving(folder, cluster, prefix) as stack:
                cast(stack, poll, 6)
                shows(stack, poll, 6)
                connections.close_all()
                cluster.stop()
                backup = cluster.copy("backup")
                cluster.start()
                wait_until(stack.is_ready, seconds=60)
                cast(stack, poll, 9)
                shows(stack, poll, 15)
                etag = results(stack, poll).headers["etag"]
                stack.kill("worker")
                cast(stack, poll, 3)  # whose messages stay in RabbitMQ
                connections.close_all()
                cluster.stop()
                cluster.put_back(backup)
                cluster.start()
                wait_until(lambda: "put back to an earlier state" in stack.log("web"), seconds=60)
                wait_until(lambda: "put back to an earlier state" in stack.log("relay"), seconds=60)
                wait_until(lambda: refused(stack, poll), seconds=30)
                answer = results(stack, poll, **{"If-None-Match": etag})
                assert answer.status_code == 304 or order(answer.headers["etag"]) >= order(etag)
            new_epoch(cluster, prefix)
            with serving(folder, cluster, prefix) as stack:
                answer = results(stack, poll, **{"If-None-Match": etag})
                assert answer.status_code == 200
                assert order(answer.headers["etag"]) > order(etag)
                assert answer.json()["ballots"] == 6, "what came after the backup is gone from the database"
                cast(stack, poll, 2)
                shows(stack, poll, 8)
                wait_until(lambda: "is not in this database; its message is dropped" in stack.log("worker"), seconds=60)
