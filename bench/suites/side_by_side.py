"""Nexus, its peers and the ceilings in turn, round by round, so that whatever disturbs the machine disturbs all."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from bench.nexus.target import Nexus
from bench.requests import even, read_request, vote_requests
from bench.targets import Ceiling, Poll, Skipped, Target, Voters
from bench.workbench import Work, Workbench
from bench.wrk import LoadFailed

CONNECTIONS = (32, 256)
_VOTERS: tuple[Voters, ...] = ("session", "account")
MANY = 256
SPREAD_POLLS = 1_000
HOT_VOTES = 100_000


@dataclass
class Company:
    """Who is measured together."""

    nexus: Nexus
    peers: list[Target] = field(default_factory=list)
    ceilings: list[Ceiling] = field(default_factory=list)
    receipt: bytes = b"{}"
    results: bytes = b"{}"


def steps(company: Company, rounds: int, *, quick: bool = False) -> int:
    """How many measurements `side_by_side` makes."""
    if quick:
        return rounds * (4 + len(company.peers) + 2 * len(company.ceilings))
    peers = sum(len(CONNECTIONS) * (1 + peer.accounts) for peer in company.peers)
    return rounds * (2 * len(CONNECTIONS) + 4 + peers + 3 * len(company.ceilings) + 1)


def side_by_side(bench: Workbench, company: Company, *, quick: bool = False) -> None:
    """Everybody once a round; who begins changes from round to round. `quick`: session voters only, and only with many connections."""
    hot = _learn_bodies(bench, company)
    works = [(Work(), MANY)] if quick else [(Work(voters=voters), connections) for connections in CONNECTIONS for voters in _VOTERS]
    turns: list[tuple[str, Callable[[], None]]] = [
        ("nexus", partial(_nexus, bench, company.nexus, hot, works, quick=quick)),
        *((peer.name, partial(_peer, bench, peer, works)) for peer in company.peers),
        *((ceiling.name, partial(_ceiling, bench, company, ceiling, quick=quick)) for ceiling in company.ceilings),
        ("nexus without workers", partial(_without_workers, bench, company.nexus)),
    ]
    in_turn(bench, turns)


def in_turn(bench: Workbench, turns: Sequence[tuple[str, Callable[[], None]]]) -> None:
    """Takes all turns once a round, another one first each time; one that fails is noted, and the others go on."""
    for number in range(bench.options.rounds):
        first = number % len(turns)
        bench.book.about["round"] = number + 1
        bench.teller.say(f"round {number + 1} of {bench.options.rounds}")
        for name, turn in (*turns[first:], *turns[:first]):
            try:
                turn()
            except (Skipped, LoadFailed) as error:
                bench.book.failed.append(f"{name}, round {number + 1}: {error}")
                bench.teller.say(f"failed: {name}: {error}")


def _nexus(bench: Workbench, nexus: Nexus, hot: Poll, works: Sequence[tuple[Work, int]], *, quick: bool) -> None:
    with bench.running(nexus):
        bench.warm_up(nexus)
        for work, connections in works:
            bench.votes(f"nexus/{work.voters}/{connections}", nexus, work, connections=connections)
        if not quick:
            bench.votes(f"nexus/session over {SPREAD_POLLS} polls/{MANY}", nexus, Work(polls=SPREAD_POLLS), connections=MANY)
        path = nexus.results_path.format(poll=hot.id)
        etag = nexus.results(hot)[1]
        host = f"{nexus.place.host}:{nexus.place.port}"
        bench.reads(f"nexus/results 200/{MANY}", nexus, [read_request(host, path)], connections=MANY)
        bench.reads(f"nexus/results 304/{MANY}", nexus, [read_request(host, path, etag=etag)], connections=MANY)


def _peer(bench: Workbench, peer: Target, works: Sequence[tuple[Work, int]]) -> None:
    with bench.running(peer):
        bench.warm_up(peer)
        for work, connections in works:
            if peer.accounts or work.voters != "account":
                bench.votes(f"{peer.name}/{work.voters}/{connections}", peer, work, connections=connections)


def _without_workers(bench: Workbench, nexus: Nexus) -> None:
    try:
        nexus.start("web")
        bench.warm_up(nexus, settle=False)
        bench.votes(f"nexus without workers/session/{MANY}", nexus, Work(), connections=MANY, settle=False)
    finally:
        nexus.stop()


def _ceiling(bench: Workbench, company: Company, ceiling: Ceiling, *, quick: bool) -> None:
    host = f"{ceiling.place.host}:{ceiling.place.port}"
    get = [read_request(host, ceiling.path)]
    for what, body, requests, connections in (
        ("receipt", company.receipt, get, (MANY,)),
        ("results", company.results, get, (MANY,)),
        ("vote answered", company.receipt, _posts(company.nexus, host, ceiling), (MANY,)),
    ):
        if what == "vote answered" and (quick or not ceiling.answers_posts):
            continue
        try:
            ceiling.start(body)
            for count in connections:
                bench.reads(f"{ceiling.name}/{what}/{count}", ceiling, requests, connections=count, unit="answers/s")
        finally:
            ceiling.stop()


def _posts(nexus: Nexus, host: str, ceiling: Ceiling) -> list[bytes]:
    poll = Poll(uuid4(), uuid4(), (uuid4(), uuid4()))
    return list(vote_requests(host, ceiling.path, nexus.credentials("session", 1_000), even([poll])))


def _learn_bodies(bench: Workbench, company: Company) -> Poll:
    """Makes the hot poll that is read, with votes in it; keeps the bytes of a vote's receipt and of its results, as Nexus sends them."""
    nexus = company.nexus
    with bench.running(nexus):
        poll = nexus.open_polls(1, voters="session", choices=4)[0]
        for _ in nexus.filling.cast_by_sql([poll], HOT_VOTES):
            nexus.await_counted()
        connection = http.client.HTTPConnection(nexus.place.host, nexus.place.port, timeout=10)
        body = b'{"answers":[{"question":"%b","choices":["%b"]}]}' % (str(poll.question).encode(), str(poll.choices[0]).encode())
        connection.request("POST", nexus.votes_path.format(poll=poll.id), body, {"Content-Type": "application/json"})
        company.receipt = connection.getresponse().read()
        connection.close()
        company.results = nexus.results(poll)[0]
    return poll
