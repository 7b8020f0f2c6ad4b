"""Voters of a final poll can be forgotten: nobody finds their vote any more, and every result stays."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from commands import forgetting
from commands.forgetting import forget_voters, polls_to_forget
from commands.handlers import close_poll, edit_poll
from commands.models import Poll
from commands.voters import digest
from core.errors import PollClosed
from core.redis import sync_redis
from projections.rendering import select_documents
from projections.writer import apply_batch
from tests.counting import cut_all, own_names
from tests.factories import choice_ids, make_poll, make_user
from tests.processes import database_address, database_dsn, running
from tests.tcp_proxy import proxy_to
from tests.vote_rows import connected, run, select, write_vote
from tests.waiting import wait_until
from workers.cutting import Cutter
from workers.finality import finish_polls

__all__ = ["own_names"]
pytestmark = pytest.mark.usefixtures("committed_db", "own_names")


def voter_key(poll: Poll, user: Any) -> Any:
    return digest(bytes(Poll.objects.get(pk=poll.pk).salt), b"account", user.pk.bytes)


def final_poll() -> tuple[Poll, Any]:
    """A poll in which one user voted, closed and counted, and that user."""
    poll, user = make_poll(voters="account"), make_user()
    with connected() as link:
        write_vote(link, poll.pk, [choice_ids(poll)[0]], voter=voter_key(poll, user))
        cutter = Cutter(link, limit=1000)
        for cut in cut_all(cutter, votes=1):
            assert cut.batch_id is not None
            apply_batch(cut.batch_id)
        close_poll(poll_id=poll.pk, actor=poll.owner)
        wait_until(lambda: finished(link, cutter, poll))
    return poll, user


def finished(link: Any, cutter: Cutter, poll: Poll) -> bool:
    cutter.look()
    cutter.cut()
    finish_polls(link)
    return bool(select("SELECT final FROM poll_cards WHERE poll_id = %s", poll.pk)[0][0])


def found(poll: Poll, user: Any) -> int:
    """Rows that whoever has the database and the secret can match with the user."""
    return len(select("SELECT FROM votes WHERE poll_id = %s AND voter_key = %s", poll.pk, voter_key(poll, user)))


def results(poll: Poll) -> Any:
    with connections["results"].cursor() as cursor:
        return select_documents(cursor, [poll.pk])[0]


def test_nobody_can_be_matched_with_a_vote_and_nothing_else_changes() -> None:
    poll, user = final_poll()
    assert found(poll, user) == 1
    before, rows = results(poll), select("SELECT * FROM votes ORDER BY id")
    assert forget_voters(poll.pk)
    assert found(poll, user) == 0
    assert results(poll) == before
    assert select("SELECT * FROM votes ORDER BY id") == rows


def test_a_second_time_does_nothing() -> None:
    poll, _ = final_poll()
    assert forget_voters(poll.pk)
    assert not forget_voters(poll.pk)


def test_such_a_poll_is_never_opened_again() -> None:
    poll, _ = final_poll()
    forget_voters(poll.pk)
    with pytest.raises(PollClosed):
        edit_poll(poll_id=poll.pk, actor=poll.owner, body={"closes_at": "2099-01-01T00:00:00Z"})


@pytest.mark.parametrize("state", ["open", "closed but not counted"])
def test_a_poll_that_is_not_final_keeps_its_voters(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    poll, user = make_poll(voters="account"), make_user()
    with connected() as link:
        write_vote(link, poll.pk, [choice_ids(poll)[0]], voter=voter_key(poll, user))
    if state != "open":
        close_poll(poll_id=poll.pk, actor=poll.owner)
    for dry in ([], ["--dry-run"]):
        with pytest.raises(CommandError) as refused:
            call_command("forget_voters", poll.slug, *dry)
        assert refused.value.returncode == 1
    assert "kept as it is" in capsys.readouterr().out
    assert found(poll, user) == 1


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    poll, user = final_poll()
    call_command("forget_voters", str(poll.pk), "--dry-run")
    assert "would be forgotten" in capsys.readouterr().out
    assert found(poll, user) == 1
    call_command("forget_voters", str(poll.pk))
    assert found(poll, user) == 0
    call_command("forget_voters", poll.slug, "--dry-run")
    assert "were forgotten before" in capsys.readouterr().out


def test_only_polls_closed_long_enough_are_chosen_by_their_age() -> None:
    old, _ = final_poll()
    recent, user = final_poll()
    run("UPDATE polls SET sealed_at = sealed_at - interval '100 days' WHERE id = %s", old.pk)
    assert [poll.pk for poll in polls_to_forget(closed_for=timedelta(days=90))] == [old.pk]
    call_command("forget_voters", "--closed-for", "90")
    assert polls_to_forget(closed_for=timedelta(days=90)) == []
    assert found(recent, user) == 1


@pytest.mark.parametrize("arguments", [[], ["a-poll", "--closed-for", "3"], ["--closed-for", "-1"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("forget_voters", *arguments)
    assert refused.value.returncode == 2


def test_an_unknown_poll_is_named() -> None:
    with pytest.raises(CommandError, match="There is no poll 'nothing-here'") as refused:
        call_command("forget_voters", "nothing-here")
    assert refused.value.returncode == 2


@pytest.fixture(autouse=True)
def others_in_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else uses the tests' server gets time to end."""
    monkeypatch.setattr(forgetting, "_PAST_SECONDS", 60.0)


def polls_file() -> bytes:
    """The table as whoever reads the disk sees it."""
    run("CHECKPOINT")
    return bytes(select("SELECT pg_read_binary_file(pg_relation_filepath('polls'))")[0][0])


def test_after_a_rewrite_the_file_has_nothing_of_the_salt(capsys: pytest.CaptureFixture[str]) -> None:
    poll, _ = final_poll()
    salt = bytes(Poll.objects.get(pk=poll.pk).salt)
    assert salt in polls_file()
    forget_voters(poll.pk)
    assert salt in polls_file(), "an update leaves the former row in its page"
    call_command("forget_voters", poll.slug, "--rewrite")
    assert salt not in polls_file()
    assert "written anew" in capsys.readouterr().out


def test_a_rewrite_does_not_make_voters_wait_for_a_lock() -> None:
    poll, _ = final_poll()
    with connected("voters") as link, link.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE polls IN ROW SHARE MODE")
        with pytest.raises(CommandError, match="it is in use just now") as refused:
            call_command("forget_voters", poll.slug, "--rewrite")
        cursor.execute("ROLLBACK")
    assert refused.value.returncode == 1
    assert not bytes(Poll.objects.get(pk=poll.pk).salt), "what is forgotten stays so"
    call_command("forget_voters", poll.slug, "--rewrite")


@pytest.mark.parametrize("holder", ["SELECT FROM votes", "SELECT pg_current_xact_id()"], ids=["a snapshot", "a writer"])
def test_a_rewrite_that_would_copy_the_past_is_refused(holder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    poll, _ = final_poll()
    with connected("holder") as link, link.cursor() as cursor, monkeypatch.context() as hurried:
        hurried.setattr(forgetting, "_PAST_SECONDS", 0.2)
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if "votes" in holder else "BEGIN")
        cursor.execute(holder)
        with pytest.raises(CommandError, match="still sees what it was before") as refused:
            call_command("forget_voters", poll.slug, "--rewrite")
        cursor.execute("ROLLBACK")
    assert refused.value.returncode == 1
    call_command("forget_voters", poll.slug, "--rewrite")


def test_without_postgresql_it_says_so_in_a_line(tmp_path: Path) -> None:
    with proxy_to(database_address()) as proxy:
        proxy.refuse()
        with running((sys.executable, "manage.py", "forget_voters", "a-poll"), tmp_path, dsn=database_dsn(port=proxy.port)) as process:
            assert process.exit_code(seconds=60) == 2
        assert "PostgreSQL cannot do it" in process.said
        assert "Traceback" not in process.said


def test_nothing_of_the_salt_is_in_redis() -> None:
    poll, _ = final_poll()
    salt = bytes(Poll.objects.get(pk=poll.pk).salt)
    client = sync_redis()
    assert not [key for key in client.scan_iter() if client.type(key) == b"string" and salt in (client.get(key) or b"")]
