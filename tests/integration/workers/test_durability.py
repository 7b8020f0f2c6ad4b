"""What readers were shown is on disk, even where the cluster's own setting is to answer sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest
from django.db import connections

from commands.handlers import close_poll
from commands.models import Poll
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all
from tests.vote_rows import connected, write_votes
from workers import rebuild, relay
from workers.cutting import Cutter
from workers.epochs import begin_epoch
from workers.rebuild import State


def count_a_vote(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 1)
    (cut,) = cut_all(cutter, 1)
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)


def show_a_rebuild(ballot: Ballot, _cutter: Cutter) -> None:
    rebuild.begin(ballot.poll_id)
    while rebuild.fill_chunk(ballot.poll_id).state == State.FILLING:
        pass
    assert rebuild.verify(ballot.poll_id) == []
    rebuild.flip(ballot.poll_id)


def close(ballot: Ballot, _cutter: Cutter) -> None:
    poll = Poll.objects.get(pk=ballot.poll_id)
    close_poll(poll_id=poll.pk, actor=poll.owner)


def begin_an_epoch(_ballot: Ballot, _cutter: Cutter) -> None:
    begin_epoch(7)


@pytest.fixture
def commits(committed_db: None) -> Iterator[list[str]]:
    """The cluster answers before it has written. What holds for each transaction that gave out a version, looked at when it did."""
    seen: list[str] = []
    with ExitStack() as watched:
        for alias in ("default", "direct"):
            wrapped = connections[alias]
            with wrapped.cursor() as cursor:
                cursor.execute("SET synchronous_commit = off")

            def watch(execute: Any, sql: str, *arguments: Any, wrapped: Any = wrapped) -> Any:
                answer = execute(sql, *arguments)
                if ("INTO poll_projections" in sql or "UPDATE poll_projections" in sql) and "SET rendered_version" not in sql:
                    with wrapped.connection.cursor() as cursor:
                        cursor.execute("SHOW synchronous_commit")
                        seen.append(cursor.fetchone()[0])
                return answer

            watched.enter_context(wrapped.execute_wrapper(watch))
        yield seen


@pytest.mark.parametrize("change", [count_a_vote, close, begin_an_epoch])
def test_a_version_is_on_disk_before_anybody_sees_it(ballot: Ballot, cutter: Cutter, commits: list[str], change: Callable[[Ballot, Cutter], None]) -> None:
    change(ballot, cutter)
    assert commits
    assert set(commits) == {"on"}


def test_a_rebuild_is_on_disk_before_anybody_sees_it(ballot: Ballot, cutter: Cutter, commits: list[str]) -> None:
    show_a_rebuild(ballot, cutter)
    assert commits[-1] == "on"


def test_the_relay_says_final_only_of_what_is_on_disk(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, str] = {}

    def note(name: str, *_arguments: Any, settings: dict[str, str], **_options: Any) -> None:
        taken[name] = settings.get("synchronous_commit", "whatever")

    monkeypatch.setattr(relay, "keep_going", note)
    relay.Relay(stop=Event()).run()
    assert taken == {"cutter": "off", "publisher": "off", "housekeeper": "on"}
