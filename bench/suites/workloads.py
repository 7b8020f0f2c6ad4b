"""The shapes that voting takes beside one hot poll: many polls, new voters, repeated votes, readers among voters."""

from __future__ import annotations

from bench.nexus.target import Nexus
from bench.requests import read_request, zipf
from bench.targets import Poll
from bench.workbench import Work, Workbench

CONNECTIONS = 256
MANY_POLLS = 10_000
SHAPES: dict[str, Work] = {
    f"session over {MANY_POLLS} polls": Work(polls=MANY_POLLS),
    f"session over {MANY_POLLS} polls by Zipf": Work(polls=MANY_POLLS, law="zipf"),
    "newcomers": Work(voters="newcomer"),
    "10 % repeated": Work(repeated=0.1),
    "1 vote to 20 reads": Work(reads_per_vote=20),
}
_READS = 100_000


def workloads(bench: Workbench, nexus: Nexus, *, rounds: int) -> None:
    """Each shape in turn, so many rounds."""
    with bench.running(nexus):
        bench.warm_up(nexus)
        many = nexus.open_polls(MANY_POLLS, voters="session", choices=2)
        for number in range(rounds):
            bench.book.about["round"] = number + 1
            for name, work in SHAPES.items():
                bench.votes(f"nexus/{name}/{CONNECTIONS}", nexus, work, connections=CONNECTIONS)
            _reads_by_zipf(bench, nexus, many)


def _reads_by_zipf(bench: Workbench, nexus: Nexus, polls: list[Poll]) -> None:
    host = f"{nexus.place.host}:{nexus.place.port}"
    by_poll = {poll.id: read_request(host, nexus.results_path.format(poll=poll.id)) for poll in polls}
    law = zipf(polls)
    bench.reads(f"nexus/results over {len(polls)} polls by Zipf/{CONNECTIONS}", nexus, [by_poll[next(law).id] for _ in range(_READS)], connections=CONNECTIONS)
