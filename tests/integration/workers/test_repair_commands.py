"""The operators' commands as an operator or a script runs them: what they say, what they change, how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from django.core.management import CommandError, call_command, load_command_class
from kombu import Connection as BrokerConnection
from pytest_django.fixtures import Settings

from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of, votes_of
from tests.processes import broker_address, database_address, database_dsn, running
from tests.tcp_proxy import proxy_to
from tests.vote_rows import connected, open_transaction, run, select, write_votes
from tests.waiting import wait_until
from workers import dead_letters, rebuild, rebuild_run, republishing
from workers.cutting import Cutter
from workers.messages import BatchMessage
from workers.rebuild import State
from workers.topology import APPLY_BATCH, AUDIT, batches_queue, celery_options, dead_queue, declare


def operate(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def vote(ballot: Ballot, choice: int, count: int) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[choice], count)


def cut(cutter: Cutter, votes: int) -> list[UUID]:
    return [each.batch_id for each in cut_all(cutter, votes) if each.batch_id is not None]


def counted(cutter: Cutter, ballot: Ballot, votes: int) -> None:
    vote(ballot, 0, votes)
    for batch_id in cut(cutter, votes):
        apply_batch(batch_id)


def spoil(ballot: Ballot) -> None:
    run("UPDATE choice_tallies SET votes = 1 WHERE poll_id = %s AND choice_id = %s", ballot.poll_id, ballot.choices[0])


def generations(ballot: Ballot) -> list[int]:
    return [row[0] for row in select("SELECT generation FROM tally_generations WHERE poll_id = %s ORDER BY 1", ballot.poll_id)]


def test_a_rebuild_mends_goes_back_and_retires(ballot: Ballot, cutter: Cutter) -> None:
    name = str(ballot.poll_id)
    counted(cutter, ballot, 4)
    spoil(ballot)
    version = results_of(ballot.poll_id).version
    code, said = operate("rebuild_tallies", name, "--dry-run")
    assert (code, "a rebuild would mend it, nothing was changed" in said, ballot.choices[0] in said) == (1, True, True), said
    assert (votes_of(ballot.poll_id), results_of(ballot.poll_id).version, generations(ballot)) == ([1, 0, 0], version, [1])
    code, said = operate("rebuild_tallies", name)
    assert (code, "drift in 1 places is mended, 4 rows" in said) == (0, True), said
    assert votes_of(ballot.poll_id) == [4, 0, 0]
    assert operate("rebuild_tallies", name, "--dry-run")[0] == 2, "it would have to drop the way back"
    code, said = operate("rebuild_tallies", name, "--back")
    assert (code, "readers see 1" in said) == (0, True), said
    assert votes_of(ballot.poll_id) == [1, 0, 0]
    assert operate("rebuild_tallies", name)[0] == 0
    assert operate("rebuild_tallies", name, "--retire")[0] == 0
    assert (votes_of(ballot.poll_id), len(generations(ballot))) == ([4, 0, 0], 1)
    assert operate("rebuild_tallies", name, "--back")[0] == 2
    assert operate("audit_tallies", name)[0] == 0


def test_where_nothing_was_wrong_there_is_nothing_to_go_back_to(ballot: Ballot, cutter: Cutter) -> None:
    counted(cutter, ballot, 2)
    code, said = operate("rebuild_tallies", str(ballot.poll_id))
    assert (code, "no drift, 2 rows of the log, counted anew" in said, generations(ballot)) == (0, True, [2]), said


def test_all_polls_are_rebuilt_and_those_that_cannot_be_are_named(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    first, second = make_ballot(), make_ballot()
    counted(cutter, first, 2)
    counted(cutter, second, 3)
    spoil(second)
    assert operate("rebuild_tallies", "--all", "--dry-run")[0] == 1
    assert operate("rebuild_tallies", "--all")[0] == 0
    assert (votes_of(first.poll_id), votes_of(second.poll_id)) == ([2, 0, 0], [3, 0, 0])
    code, said = operate("rebuild_tallies", "--all", "--retire")
    assert (code, f"poll {first.poll_id}: the rebuild is" in said) == (0, False), said
    assert operate("rebuild_tallies", "--all", "--back") == (0, ""), "there is nothing to go back to any more"


def test_a_rebuild_that_was_stopped_goes_on_and_can_be_cancelled(ballot: Ballot, cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    counted(cutter, ballot, 9)
    spoil(ballot)
    fill = rebuild.fill_chunk

    def fill_one_and_stop(poll_id: UUID, generation: int) -> rebuild.Rebuild:
        done = fill(poll_id, generation, rows=2)
        if done.rows_read >= 4:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(rebuild_run.rebuild, "fill_chunk", fill_one_and_stop)
    code, said = operate("rebuild_tallies", str(ballot.poll_id))
    assert (code, "run it again to go on" in said) == (130, True)
    monkeypatch.undo()
    assert operate("rebuild_tallies", str(ballot.poll_id), "--dry-run")[0] == 2
    under_way = rebuild.find(ballot.poll_id)
    assert under_way is not None
    assert (under_way.rows_read, under_way.state) == (4, State.FILLING)
    code, said = operate("rebuild_tallies", str(ballot.poll_id))
    assert (code, "9 rows of the log" in said, votes_of(ballot.poll_id)) == (0, True, [9, 0, 0]), said
    operate("rebuild_tallies", str(ballot.poll_id), "--retire")
    rebuild.begin(ballot.poll_id)
    assert operate("rebuild_tallies", str(ballot.poll_id), "--cancel")[0] == 0
    assert generations(ballot) == [2]


def test_new_tallies_that_do_not_equal_the_log_are_dropped_unseen(ballot: Ballot, cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    counted(cutter, ballot, 3)
    version = results_of(ballot.poll_id).version
    verify = rebuild.verify

    def verify_what_is_wrong(poll_id: UUID, generation: int, **options: Any) -> list[Any]:
        run("UPDATE poll_tallies SET ballots = 9 WHERE poll_id = %s AND generation = 2", poll_id)
        return verify(poll_id, generation, **options)

    monkeypatch.setattr(rebuild_run.rebuild, "verify", verify_what_is_wrong)
    code, said = operate("rebuild_tallies", str(ballot.poll_id))
    assert (code, "ballots: 9 counted, 3 expected" in said) == (1, True), said
    assert (results_of(ballot.poll_id).version, results_of(ballot.poll_id).ballots, generations(ballot)) == (version, 3, [1])


def test_what_cannot_be_dropped_yet_is_said_and_goes_later(ballot: Ballot, cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    counted(cutter, ballot, 1)
    rebuild.begin(ballot.poll_id)
    monkeypatch.setattr(rebuild_run, "_PATIENCE_SECONDS", 0.0)
    with open_transaction():
        code, said = operate("rebuild_tallies", str(ballot.poll_id), "--cancel")
        assert (code, "run this again" in said, generations(ballot)) == (0, True, [1, 2]), said
    monkeypatch.undo()
    assert operate("rebuild_tallies", str(ballot.poll_id))[0] == 0
    assert generations(ballot) == [3]


@pytest.fixture
def queue(settings: Settings, own_names: str, rabbitmq: None) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Takes all messages off the batches' queue: their arguments."""
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
        declare(connection)

        def take() -> list[dict[str, Any]]:
            taken = []
            while (message := batches_queue()(channel).get(no_ack=True)) is not None:
                taken.append(message.decode()[1])
            return taken

        yield take


def test_republishing_sends_what_is_not_counted_and_nothing_on_a_dry_run(ballot: Ballot, cutter: Cutter, queue: Callable[[], list[dict[str, Any]]]) -> None:
    vote(ballot, 0, 2)
    (first,) = cut(cutter, 2)
    vote(ballot, 0, 3)
    (second,) = cut(cutter, 3)
    code, said = operate("republish", "--dry-run")
    assert (code, "2 batches would be published, 5 votes" in said, str(second) in said, queue()) == (0, True, True, []), said
    code, said = operate("republish")
    assert (code, "2 of 2 batches are on the queue" in said) == (0, True), said
    assert queue() == [BatchMessage(batch_id=batch_id, epoch=1).arguments() for batch_id in (first, second)]
    apply_batch(first)
    apply_batch(second)
    assert operate("republish")[1] == "0 of 0 batches are on the queue\n"
    assert operate("republish", "1")[0] == 0, "one that is counted is sent too, and at most rendered"
    assert operate("republish", str(second))[0] == 0
    assert [message["batch_id"] for message in queue()] == [str(first), str(second)]
    assert operate("republish", "77")[0] == 2


@pytest.fixture
def dead(settings: Settings, queue: Any) -> Callable[..., None]:
    """Puts a letter among the dead, as a worker does that cannot read it."""
    sender = Celery("nexus-test", set_as_current=False)
    sender.conf.update(celery_options())

    def reject(arguments: dict[str, object], task: str = APPLY_BATCH) -> None:
        sender.send_task(task, kwargs=arguments)
        with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
            wait_until(lambda: (message := batches_queue()(channel).get(no_ack=False)) is not None and (message.reject(), True))
            wait_until(lambda: dead_queue()(channel).queue_declare(passive=True).message_count > 0)

    return reject


def names(said: str) -> list[str]:
    return [line.split()[0] for line in said.splitlines()[:-1]]


def test_dead_letters_are_listed_as_often_as_one_likes_shown_replayed_and_dropped(
    ballot: Ballot, cutter: Cutter, queue: Callable[[], list[dict[str, Any]]], dead: Callable[[dict[str, object]], None]
) -> None:
    assert operate("dead_letters", "list") == (0, "0 dead letters\n")
    vote(ballot, 0, 1)
    (batch_id,) = cut(cutter, 1)
    dead(BatchMessage(batch_id=batch_id, epoch=1).arguments())
    dead({"batch_id": "x", "epoch": 1, "format": 99})
    for _ in range(25):  # more often than RabbitMQ would redeliver
        code, said = operate("dead_letters", "list")
        assert (code, "2 dead letters" in said) == (1, True), said
    assert (str(batch_id) in said, "format 99 is not known here" in said) == (True, True), said
    good = next(line.split()[0] for line in said.splitlines() if str(batch_id) in line)
    (bad,) = set(names(said)) - {good}
    code, said = operate("dead_letters", "show", bad)
    assert (code, APPLY_BATCH in said, '"format": 99' in said) == (0, True, True), said
    assert operate("dead_letters", "show", "abc")[0] == 2
    assert operate("dead_letters", "replay")[0] == 2
    code, said = operate("dead_letters", "replay", good, "--dry-run")
    assert (code, "1 letters would be sent back" in said, queue()) == (0, True, []), said
    assert operate("dead_letters", "replay", good) == (0, "1 letters are back with the workers\n")
    assert [message["batch_id"] for message in queue()] == [str(batch_id)]
    assert names(operate("dead_letters", "list")[1]) == [bad]
    assert operate("dead_letters", "drop", "--all", "--dry-run")[0] == 0
    assert operate("dead_letters", "drop", bad, "--yes") == (0, "1 letters are dropped\n")
    assert operate("dead_letters", "list")[0] == 0


def test_a_letter_of_another_task_is_called_by_its_name(dead: Callable[..., None]) -> None:
    dead({}, AUDIT)
    assert f"{AUDIT}, rejected 1 times\n" in operate("dead_letters", "list")[1]


def test_letters_are_dropped_only_at_a_word(dead: Callable[[dict[str, object]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    dead({"format": 99})
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert operate("dead_letters", "drop", "--all")[0] == 2
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert operate("dead_letters", "drop", "--all") == (0, "1 letters are dropped\n")


def test_a_letter_that_is_no_celery_message_is_listed_all_the_same(settings: Settings, queue: Any) -> None:
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
        connection.Producer(channel).publish(b"\xff\x00not json", exchange=dead_queue().exchange.name, routing_key="dead", content_type="application/json")
        wait_until(lambda: dead_queue()(channel).queue_declare(passive=True).message_count > 0)
    code, said = operate("dead_letters", "list")
    assert (code, "cannot be read" in said) == (1, True), said
    assert operate("dead_letters", "show", names(said)[0])[0] == 0


def test_redis_as_the_broker_has_no_dead_letters(settings: Settings, own_names: str) -> None:
    settings.BROKER_URL = settings.REDIS_URL
    assert operate("dead_letters", "list")[0] == 2


@pytest.mark.parametrize("command", ["audit_tallies", "rebuild_tallies", "republish", "dead_letters", "new_epoch"])
def test_help_teaches(command: str) -> None:
    shown = load_command_class("workers", command).create_parser("manage.py", command).format_help()
    for word in ("When ", "Changes ", "Exit codes:", "2 could not be ", "Examples:", f"manage.py {command} "):
        assert word in shown, word


_ALL = [["audit_tallies", "--all"], ["rebuild_tallies", "--all"], ["republish"], ["new_epoch", "--dry-run"]]


@pytest.mark.parametrize("arguments", [_ALL[0], *(pytest.param(each, marks=pytest.mark.slow) for each in _ALL[1:])], ids=" ".join)
def test_without_postgresql_each_says_so_in_one_line(arguments: list[str], committed_db: None, own_names: str, tmp_path: Path) -> None:
    with proxy_to(database_address()) as proxy:
        proxy.refuse()
        with running((sys.executable, "manage.py", *arguments), tmp_path, dsn=database_dsn(port=proxy.port)) as process:
            assert process.exit_code(seconds=60) == 2
        assert "PostgreSQL cannot do it" in process.said
        assert "Traceback" not in process.said


def test_without_the_broker_each_says_so(ballot: Ballot, cutter: Cutter, rabbitmq: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    vote(ballot, 0, 1)
    cut(cutter, 1)
    with proxy_to(broker_address()) as proxy:
        proxy.refuse()
        away = Celery("nexus-test", set_as_current=False)
        away.conf.update(celery_options() | {"broker_url": f"amqp://guest:guest@127.0.0.1:{proxy.port}//"})
        for module in (dead_letters, republishing):
            monkeypatch.setattr(module, "app", away)
        for arguments in (["republish"], ["dead_letters", "list"]):
            code, said = operate(*arguments)
            assert (code, "the broker cannot do it" in said) == (2, True), said
