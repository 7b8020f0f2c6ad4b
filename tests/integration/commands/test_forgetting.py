"""Voters of a final poll can be forgotten: nobody finds their vote any more, and every result stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

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
    with pytest.raises(CommandError, match="There is no poll 'nothing-here'"):
        call_command("forget_voters", "nothing-here")


def test_nothing_of_the_salt_is_in_redis() -> None:
    poll, _ = final_poll()
    salt = bytes(Poll.objects.get(pk=poll.pk).salt)
    client = sync_redis()
    assert not [key for key in client.scan_iter() if client.type(key) == b"string" and salt in (client.get(key) or b"")]
