"""The same vote and the same read as the data grows: votes in the log, polls, choices, web processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench.nexus.target import Nexus
from bench.requests import read_request
from bench.servers import table_sizes
from bench.targets import Poll
from bench.workbench import Work, Workbench

CONNECTIONS = 256
HOT_POLLS = 10
POLLS = (10, 10_000)
CHOICES = (2, 100)
WEB_PROCESSES = (1, 2, 4)
_COUNTED_SECONDS = 900.0
_COPY, _COPIED = "bench_growth_copy", 100_000


@dataclass(frozen=True, slots=True)
class Stage:
    """A database with so many votes in its log, most of them in the first of `polls`."""

    votes: int
    database: str
    polls: Sequence[Poll]


def sizes(most: int) -> list[int]:
    """The log sizes that are compared: a thousand, a hundred thousand, the largest."""
    return sorted({1_000, 100_000, most}) if most > 100_000 else [1_000, most]


def growth(bench: Workbench, nexus: Nexus, *, most: int) -> None:
    """All of it; what is compared is measured in turn, round by round."""
    per_round = 2 * (len(sizes(most)) + len(CHOICES) + len(WEB_PROCESSES)) + len(POLLS)
    bench.teller.expect(len(sizes(most)) + bench.options.rounds * per_round)
    stages = _fill(bench, nexus, most)
    for number in range(bench.options.rounds):
        bench.book.about["round"] = number + 1
        bench.teller.say(f"round {number + 1} of {bench.options.rounds}")
        for stage in stages:
            nexus.move(_fresh(bench, nexus, stage))
            with bench.running(nexus):
                bench.warm_up(nexus)
                hot = stage.polls[0]
                bench.votes(f"nexus/vote at log size/{stage.votes}", nexus, Work(choices=len(hot.choices)), connections=CONNECTIONS, polls=[hot])
                bench.reads(f"nexus/results at log size/{stage.votes}", nexus, _reads(nexus, [hot]), connections=CONNECTIONS)
        nexus.move(_fresh(bench, nexus, stages[0]))
        with bench.running(nexus):
            bench.warm_up(nexus)
            for polls in POLLS:
                bench.votes(f"nexus/vote at polls/{polls}", nexus, Work(polls=polls), connections=CONNECTIONS)
            for choices in CHOICES:
                bench.votes(f"nexus/vote at choices/{choices}", nexus, Work(choices=choices), connections=CONNECTIONS)
                bench.reads(
                    f"nexus/results at choices/{choices}", nexus, _reads(nexus, nexus.open_polls(1, voters="session", choices=choices)), connections=CONNECTIONS
                )
        for processes in WEB_PROCESSES:
            with bench.running(nexus, partial(nexus.start, WEB_WORKERS=str(processes))):
                bench.warm_up(nexus)
                bench.votes(f"nexus/vote at web processes/{processes}", nexus, Work(), connections=CONNECTIONS)
                bench.reads(f"nexus/results at web processes/{processes}", nexus, _reads(nexus, [stages[0].polls[0]]), connections=CONNECTIONS)


def _fill(bench: Workbench, nexus: Nexus, most: int) -> list[Stage]:
    """A database for each size, each filled up from a copy of the one before; half of its votes are in one poll, as in life."""
    with bench.running(nexus):
        polls = nexus.open_polls(HOT_POLLS, voters="session", choices=4)
    spread_out = [polls[0]] * (HOT_POLLS - 1) + list(polls[1:])
    stages: list[Stage] = []
    filled = 0
    for votes in sizes(most):
        database = f"bench_growth_{votes}"
        nexus.copy_database(bench.servers, database)
        nexus.move(database)
        for done in nexus.filling.cast_by_sql(spread_out, votes - filled):
            bench.teller.say(f"log: {filled + done:,} of {most:,} votes")
        filled = votes
        nexus.start_part("relay")
        nexus.start_part("worker")
        try:
            nexus.await_counted(seconds=_COUNTED_SECONDS)
        finally:
            nexus.stop()
        nexus.settle_database()
        stages.append(Stage(votes, database, polls))
        bench.book.facts[f"tables with their indexes at {votes:,} votes"] = {name: [size, "MB"] for name, size in table_sizes(nexus.place.database_url).items()}
        bench.teller.step(f"a log of {votes:,} votes is there and counted")
    return stages


def _fresh(bench: Workbench, nexus: Nexus, stage: Stage) -> str:
    """A copy of the stage's database, because measuring adds votes; the largest, which they do not change, is used itself."""
    if stage.votes > _COPIED:
        return stage.database
    nexus.move(stage.database)
    nexus.copy_database(bench.servers, _COPY)
    return _COPY


def _reads(nexus: Nexus, polls: Sequence[Poll]) -> list[bytes]:
    host = f"{nexus.place.host}:{nexus.place.port}"
    return [read_request(host, nexus.results_path.format(poll=poll.id)) for poll in polls]
