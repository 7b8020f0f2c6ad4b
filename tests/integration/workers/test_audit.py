"""Audits: the log, the tallies and Redis at one boundary, and drift where there is some and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from django.core.management import CommandError, call_command

from core import progress
from core.metrics import metrics_text
from core.redis import sync_redis
from projections.rendering import render
from projections.results_store import results_key, results_store
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of
from tests.processes import WORKER, running
from tests.vote_rows import connected, open_transaction, run, select, write_vote, write_votes
from tests.waiting import wait_until
from workers import rebuild
from workers.audit import audit_poll
from workers.audit_redis import compare_with_redis
from workers.audit_schedule import audit_a_little
from workers.cutting import Cutter
from workers.sums import Difference
from workers.topology import AUDIT, celery_options


def vote(ballot: Ballot, choice: int, count: int = 1) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[choice], count)


def count(cutter: Cutter, votes: int) -> None:
    for cut in cut_all(cutter, votes):
        assert cut.batch_id is not None
        applied = apply_batch(cut.batch_id)
        assert applied is not None
        render(applied.polls)


def spoil(ballot: Ballot, choice: int, votes: int) -> None:
    run("UPDATE choice_tallies SET votes = %s WHERE poll_id = %s AND choice_id = %s", votes, ballot.poll_id, ballot.choices[choice])


def audited(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    out = StringIO()
    try:
        call_command("audit_tallies", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def slug_of(ballot: Ballot) -> str:
    return str(select("SELECT slug FROM poll_cards WHERE poll_id = %s", ballot.poll_id)[0][0])


def test_no_drift_whatever_waits_to_be_cut_or_applied(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        anna = write_vote(connection, ballot.poll_id, ballot.choices[:2])
        write_vote(connection, ballot.poll_id, ballot.choices[2:], voter=anna)
    count(cutter, 2)
    vote(ballot, 0, 3)
    cut_all(cutter, 3)  # and not applied
    vote(ballot, 1, 4)  # and not cut
    with open_transaction() as going_on:
        write_vote(going_on, ballot.poll_id, ballot.choices[:1])
        code, said = audited(slug_of(ballot))
    assert (code, "tallies equal the log, Redis equal" in said, "4 ballots at batch 2" in said) == (0, True, True), said


@pytest.mark.parametrize(
    ("spoiling", "what"),
    [
        ("UPDATE poll_tallies SET ballots = ballots + 1", "ballots"),
        ("UPDATE question_tallies SET ballots = ballots - 1", "question"),
        ("UPDATE choice_tallies SET votes = 7 WHERE votes = 0", "choice"),
        ("UPDATE minute_tallies SET minute = minute - interval '1 minute'", "minute"),
        ("DELETE FROM minute_tallies", "minute"),
        ("UPDATE vote_batches SET applied_at = NULL", "ballots"),
    ],
)
def test_each_kind_of_drift_is_found(ballot: Ballot, cutter: Cutter, spoiling: str, what: str) -> None:
    vote(ballot, 0, 2)
    count(cutter, 2)
    run(spoiling)
    finding = audit_poll(ballot.poll_id)
    assert finding is not None
    assert what in {difference.what for difference in finding.differences}
    assert audited(str(ballot.poll_id))[0] == 1


def test_a_redis_that_shows_something_else_at_the_same_version_is_drift(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    count(cutter, 2)
    assert compare_with_redis(ballot.poll_id) == ("equal", [])
    shown = results_of(ballot.poll_id)
    key = results_key(1, ballot.poll_id)
    sync_redis().delete(key)
    assert compare_with_redis(ballot.poll_id) == ("absent", [])
    results_store().put([replace(shown, ballots=5)])
    assert compare_with_redis(ballot.poll_id) == ("different", [Difference(what="ballots in Redis against the tallies", key="", counted=5, expected=2)])
    sync_redis().delete(key)
    results_store().put([replace(shown, title="Another")])
    assert compare_with_redis(ballot.poll_id)[0] == "different"
    results_store().put([replace(shown, version=shown.version + 1)])
    assert compare_with_redis(ballot.poll_id)[1][0].what == "version in Redis"


def test_a_redis_that_lags_is_no_drift(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    count(cutter, 2)
    run("UPDATE poll_projections SET version = version + 1")
    assert compare_with_redis(ballot.poll_id, pause=lambda _: None) == ("behind", [])
    render([ballot.poll_id])
    assert compare_with_redis(ballot.poll_id) == ("equal", [])


def test_the_command_tells_scripts_what_it_found(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    good, bad = make_ballot(), make_ballot()
    vote(good, 0, 1)
    vote(bad, 1, 1)
    count(cutter, 2)
    spoil(bad, 1, 4)
    code, said = audited("--all", "--json")
    told: dict[str, Any] = json.loads(said)
    assert (code, told["audited"], told["drifted"]) == (1, 2, 1)
    (drift,) = [poll["differences"] for poll in told["polls"] if poll["differences"]]
    assert drift == [
        {"what": "choice", "key": bad.choices[1], "counted": 4, "expected": 1},
        {"what": "choice in Redis against the tallies", "key": bad.choices[1], "counted": 1, "expected": 4},
    ]
    code, said = audited("--all")
    assert (code, "2 polls audited, 1 with drift" in said, bad.choices[1] in said) == (1, True, True)
    assert audited(str(good.poll_id))[0] == 0
    assert audited("--sample", "2")[0] == 1
    assert audited("--sample", "5")[1].endswith("2 polls audited, 1 with drift\n")


def test_what_cannot_be_checked_is_neither_good_nor_bad(ballot: Ballot, without_redis: None) -> None:
    assert audited("no-such-poll")[0] == 2
    assert audited()[0] == 2
    assert audited("--all", "--sample", "3")[0] == 2
    code, said = audited(str(ballot.poll_id))
    assert (code, "Redis cannot be asked" in said) == (2, True), said
    assert select("SELECT count(*) FROM poll_audits") == [(0,)]


@pytest.fixture
def fresh_gauges(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The metrics of this very moment, not of two seconds ago."""

    def read() -> str:
        monkeypatch.setattr(progress, "_shared", progress.SingleFlight(progress._read, seconds=0.0, name="test-progress"))
        return metrics_text().decode()

    return read


def test_the_schedule_finds_drift_says_so_and_forgets_it_once_it_is_mended(
    make_ballot: Callable[..., Ballot], cutter: Cutter, caplog: pytest.LogCaptureFixture, fresh_gauges: Callable[[], str]
) -> None:
    ballots = [make_ballot() for _ in range(4)]
    for each in ballots:
        vote(each, 0, 3)
    count(cutter, 12)
    spoil(ballots[2], 0, 1)
    assert "nexus_tally_drift_polls 0.0" in fresh_gauges()
    assert "nexus_audit_age_seconds" not in fresh_gauges(), "nothing was audited yet"
    assert len(audit_a_little(seconds=60)) == 4
    assert f"results of poll {ballots[2].poll_id} are wrong in 2 places" in caplog.text
    assert "nexus_tally_drift_polls 1.0" in fresh_gauges()
    assert "nexus_audit_age_seconds 0." in fresh_gauges()
    rebuild.begin(ballots[2].poll_id)
    rebuild.fill_chunk(ballots[2].poll_id)
    rebuild.verify(ballots[2].poll_id)
    rebuild.flip(ballots[2].poll_id)
    assert "nexus_tally_drift_polls 0.0" in fresh_gauges()
    assert ballots[2].poll_id in {finding.poll_id for finding in audit_a_little(seconds=60)}
    assert "nexus_tally_drift_polls 0.0" in fresh_gauges()


def test_the_schedule_goes_on_in_the_middle_of_a_poll_and_takes_turns(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    large, small = sorted([make_ballot(), make_ballot()], key=lambda ballot: ballot.poll_id)
    vote(large, 0, 2500)  # three chunks
    vote(small, 1, 1)
    count(cutter, 2501)
    spoil(large, 0, 7)
    spent: list[list[UUID]] = []
    for _ in range(4):
        spent.append([finding.poll_id for finding in audit_a_little(seconds=0)])
        if len(spent) == 1:
            vote(large, 1, 1)
            count(cutter, 1)  # after the boundary that the audit began with
    assert spent == [[], [], [large.poll_id], [small.poll_id]]
    assert select("SELECT poll_id, jsonb_array_length(differences) FROM poll_audits ORDER BY poll_id") == [(large.poll_id, 1), (small.poll_id, 0)]
    assert audit_a_little(seconds=60) == [], "none again so soon"
    run("UPDATE poll_audits SET audited_at = audited_at - interval '1 hour'")
    assert [finding.poll_id for finding in audit_a_little(seconds=60)] == [large.poll_id, small.poll_id], "who waits longest is next"


@pytest.mark.parametrize("kept", ["{}", "[]", '{"standing": {}}', '{"standing": {"upto": {"xid": 1}, "sums": []}}', '{"standing": {"upto": 7}}'])
def test_an_audit_that_another_release_left_half_way_begins_anew(ballot: Ballot, cutter: Cutter, caplog: pytest.LogCaptureFixture, kept: str) -> None:
    vote(ballot, 0, 2)
    count(cutter, 2)
    run("INSERT INTO poll_audits (poll_id, under_way) VALUES (%s, %s)", ballot.poll_id, kept)
    assert [finding.ballots for finding in audit_a_little(seconds=60)] == [2]
    assert "cannot be read" in caplog.text
    assert select("SELECT differences, under_way FROM poll_audits") == [([], None)]


def test_the_schedule_audits_without_redis(ballot: Ballot, cutter: Cutter, without_redis: None) -> None:
    vote(ballot, 0, 1)
    count(cutter, 1)
    assert [finding.differences for finding in audit_a_little(seconds=60)] == [[]]


def test_a_poll_that_is_gone_is_forgotten(ballot: Ballot) -> None:
    run("INSERT INTO poll_audits (poll_id, audited_at, differences) VALUES (gen_random_uuid(), now() - interval '1 hour', '[]')")
    audit_a_little(seconds=60)
    assert select("SELECT poll_id FROM poll_audits") == [(ballot.poll_id,)]


@pytest.mark.slow
def test_a_worker_audits_when_beat_says_so(ballot: Ballot, cutter: Cutter, tmp_path: Path) -> None:
    vote(ballot, 0, 2)
    count(cutter, 2)
    sender = Celery("nexus-test", set_as_current=False)
    sender.conf.update(celery_options())
    with running(WORKER, tmp_path):
        sender.send_task(AUDIT)
        wait_until(lambda: select("SELECT 1 FROM poll_audits WHERE differences = '[]'"))
