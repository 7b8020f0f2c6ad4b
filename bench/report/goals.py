"""What Nexus must reach, and what a run says about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.book import Book
from bench.measuring import AFTER_COMMIT
from bench.report.words import figure, spread_words
from bench.spread import Spread, percentile, ratio, spread

Evaluate = Callable[[Book], Spread | None]
_NAMED_AFTER_COMMIT = ("relay", "broker", "worker", "redis")


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table. `book`: which run measures it. `at_least` or `at_most`, in `unit` as `figure` takes it; neither: for comparison only."""

    what: str
    unit: str
    evaluate: Evaluate
    book: str = "bench"
    at_least: float | None = None
    at_most: float | None = None

    def wanted(self) -> str:
        if self.at_least is not None:
            return f"≥ {figure(self.at_least, self.unit)}"
        return f"≤ {figure(self.at_most, self.unit)}" if self.at_most is not None else "-"

    def reached(self, found: Spread | None) -> str:
        if found is None:
            return "not measured"
        if self.at_least is not None:
            return "yes" if found.median >= self.at_least else f"no, {found.median / self.at_least * 100:.0f} % of it"
        if self.at_most is not None:
            return "yes" if found.median <= self.at_most else f"no, {found.median / self.at_most:.2f} times it"
        return "-"


def over(above: str, below: str, key: str = "per_second", key_below: str | None = None) -> Evaluate:
    """One figure divided by another, round by round."""
    return lambda book: ratio(book.values(above, key), book.values(below, key_below or key))


def value(name: str, key: str) -> Evaluate:
    """A figure as it stands."""
    return lambda book: book.spread(name, key)


def cpu_over(above: str, parts: Sequence[str], below: str, parts_below: Sequence[str] = ()) -> Evaluate:
    """CPU per operation divided by CPU per operation; without parts that of all but the load generator."""
    return lambda book: ratio(book.cpu(above, *parts), book.cpu(below, *parts_below))


def cpu_share(name: str, parts: Sequence[str]) -> Evaluate:
    """The share of these parts in all CPU per operation, the load generator's left out."""
    return lambda book: ratio(book.cpu(name, *parts), book.cpu(name))


def growth_over(what: str) -> Evaluate:
    """CPU per operation with the largest log divided by that with the smallest."""

    def evaluate(book: Book) -> Spread | None:
        names = sorted(book.named(f"{what}/"), key=lambda name: int(name.rpartition("/")[2]))
        return ratio(book.cpu(names[-1]), book.cpu(names[0])) if len(names) > 1 else None

    return evaluate


def memory_growth(book: Book) -> Spread | None:
    """Memory of the process that grew most: its median in the last fifth of the time ÷ that in the second fifth, when all had warmed up."""
    samples = book.rounds.get("nexus/soak", [])
    fifth = len(samples) // 5
    if fifth < 2:
        return None
    grown = []
    for part in samples[0]["memory"]:
        early, late = ([sample["memory"][part] for sample in samples[begin : begin + fifth]] for begin in (fifth, len(samples) - fifth))
        if percentile(early, 0.5) > 0:
            grown.append(percentile(late, 0.5) / percentile(early, 0.5))
    return spread([max(grown)]) if grown else None


_WANTED: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "session": {"drf": (20, 25), "fastify": (1.5, 2.2), "fastify_pipelined": (None, None), "redis_list": (12, 12)},
    "account": {"drf": (14, 20), "fastify": (1.1, 1.8), "fastify_pipelined": (None, None)},
}


def _against_peers() -> list[Goal]:
    goals = []
    for voters, wanted in _WANTED.items():
        for peer, least in wanted.items():
            for connections, at_least in zip((32, 256), least, strict=True):
                names = f"nexus/{voters}/{connections}", f"{peer}/{voters}/{connections}"
                word = "accepted" if peer == "redis_list" else "durable"
                goals.append(Goal(f"{word} votes/s, {voters} voters, {connections} connections ÷ {PEERS[peer]}", "x", over(*names), at_least=at_least))
                if peer == "redis_list":
                    drained = over(*names, key_below="tallied_per_second")
                    goals.append(Goal(f"votes/s, {voters} voters, {connections} connections ÷ votes/s drained by {PEERS[peer]}", "x", drained, at_least=4))
    return goals


PEERS = {"drf": "Django + DRF + JWT", "fastify": "fastify, one INSERT", "fastify_pipelined": "the same, pipelined", "redis_list": "Flask, Redis list, worker"}
_HALF, _PEAK = "nexus/open loop at half of peak", "nexus/closed loop at peak"
_HELLO = "asgi_hello/receipt/256"

GOALS: list[Goal] = [
    *_against_peers(),
    Goal("durable votes/s, 256 connections ÷ bare ASGI hello on the same server", "x", over("nexus/session/256", _HELLO), at_least=0.40),
    Goal(
        "CPU of web + PostgreSQL per vote ÷ CPU of one hello",
        "x",
        cpu_over("nexus/session/256", ("web", "postgres", "postgres after commit"), _HELLO),
        at_most=3.5,
    ),
    Goal("share of CPU after the commit (relay, broker, worker, Redis), one poll", "%", cpu_share("nexus/session/256", _NAMED_AFTER_COMMIT), at_most=0.12),
    Goal("the same with PostgreSQL's work for them", "%", cpu_share("nexus/session/256", AFTER_COMMIT)),
    Goal("share of CPU after the commit, 1,000 polls", "%", cpu_share("nexus/session over 1000 polls/256", _NAMED_AFTER_COMMIT), at_most=0.30),
    Goal("the same with PostgreSQL's work for them", "%", cpu_share("nexus/session over 1000 polls/256", AFTER_COMMIT)),
    Goal("one worker process drains a backlog of one poll", "votes/s", value("nexus/drain over 1 poll", "per_second"), at_least=400_000),
    Goal("one worker process drains a backlog of 1,000 polls", "votes/s", value("nexus/drain over 1000 polls", "per_second"), at_least=100_000),
    Goal("accepted and tallied ÷ accepted with workers off", "x", over("nexus/session/256", "nexus without workers/session/256"), at_least=0.85),
    Goal("lag from commit to visible result at 50 % of peak, p50", "ms", value(_HALF, "lag_p50"), at_most=0.060),
    Goal("lag from commit to visible result at 50 % of peak, p99", "ms", value(_HALF, "lag_p99"), at_most=0.250),
    Goal("lag from commit to visible result at peak, p99", "ms", value(_PEAK, "lag_p99"), at_most=1.0),
    Goal("vote latency, open loop at 50 % of peak, p99", "ms", value(_HALF, "p99"), at_most=0.010),
    Goal("results 200 on a hot poll ÷ bare ASGI hello with the same body", "x", over("nexus/results 200/256", "asgi_hello/results/256"), at_least=0.80),
    Goal("results 200 on a hot poll ÷ nginx, static file", "x", over("nexus/results 200/256", "nginx_static/results/256")),
    Goal("results 304 ÷ results 200", "x", over("nexus/results 304/256", "nexus/results 200/256"), at_least=1.0),
    Goal("CPU of results, largest log ÷ 1,000 votes", "x", growth_over("nexus/results at log size"), "growth", at_most=1.05),
    Goal("CPU of a vote, largest log ÷ 1,000 votes", "x", growth_over("nexus/vote at log size"), "growth", at_most=1.25),
    Goal("memory per 1,000 live clients (of 5,000)", "MB", value("nexus/live/5000/memory", "bytes_per_1000_under_load"), "live", at_most=40 * 2**20),
    Goal("one update to 5,000 live clients, until the last has it", "ms", value("nexus/live/5000/one vote", "last"), "live", at_most=1.0),
    Goal("memory over the soak at 70 % of peak, the process that grew most", "x", memory_growth, "soak", at_most=1.05),
]


def goal_rows(books: dict[str, Book], *, only: str | None = None) -> list[list[str]]:
    """The table's cells: what, measured, wanted, reached; `books` by name, those that were never run left out. `only`: what that run measures."""
    rows = []
    for goal in GOALS:
        if only is not None and goal.book != only:
            continue
        book = books.get(goal.book)
        found = goal.evaluate(book) if book is not None else None
        measured = spread_words(found, goal.unit) if found is not None else f"- (run `make {goal.book if goal.book == 'bench' else 'bench-' + goal.book}`)"
        rows.append([goal.what, measured, goal.wanted(), goal.reached(found)])
    return rows
