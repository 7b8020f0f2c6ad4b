"""No system is timed that does not do its work, and no figure is kept when votes are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import correctness, measuring
from bench.correctness import check_target
from bench.cpu import Usage
from bench.measuring import measure_votes
from bench.servers import Servers
from bench.targets import Skipped
from bench.wrk import Load, LoadFailed
from tests.unit.bench.honest import Small

SERVERS = Servers("", "", "", {})


@contextmanager
def started(target: Small) -> Iterator[Small]:
    target.start()
    try:
        yield target
    finally:
        target.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correctness, "_SECONDS", 0.2)


def test_an_honest_system_may_be_timed() -> None:
    with started(Small()) as target:
        check_target(target)


@pytest.mark.parametrize(
    ("cheat", "words"),
    [
        ({"loses": 1}, "199 are in the database"),
        ({"forgets": 1}, "199 in the results"),
        ({"takes_repeats": True}, "20 of 20 repeated votes"),
        ({"refuses_all": True}, "200 of 200 votes"),
    ],
    ids=["loses a vote", "does not tally one", "takes a voter twice", "refuses voters"],
)
def test_one_that_cheats_may_not(cheat: dict[str, bool], words: str) -> None:
    with started(Small(**cheat)) as target, pytest.raises(Skipped, match=words):
        check_target(target)


@contextmanager
def unmeasured(*_: object, **__: object) -> Iterator[Usage]:
    yield Usage(seconds=1.0, cpu={"web": 0.5})


@pytest.mark.parametrize(("loses", "fine"), [(0, True), (1, False)])
def test_a_figure_counts_only_if_every_accepted_vote_is_there(loses: int, fine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "watched", unmeasured)
    with started(Small(loses=0)) as target:
        (poll,) = target.open_polls(1, voters="session", choices=2)

        def load() -> Load:
            target.votes += [f"{poll.id} {number}" for number in range(100 - loses)]
            return Load(seconds=1.0, answered=100, refused=0, bytes=0, p50=0.001, p90=0.001, p99=0.002, slowest=0.003)

        if fine:
            measured = measure_votes(SERVERS, target, [poll], load, patience=0.2)
            assert (measured.operations, measured.cpu["web"]) == (100, 5000.0)
        else:
            with pytest.raises(LoadFailed, match="99 are in the database"):
                measure_votes(SERVERS, target, [poll], load, patience=0.2)
