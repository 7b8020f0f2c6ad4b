"""The kinds of run: what each measures, in which order, how thoroughly unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.nexus.target import ACCOUNTS, Nexus
from bench.registry import CEILINGS, PEERS, make_ceiling, make_peer
from bench.selfcheck import selfcheck
from bench.steps import parse_steps
from bench.suites.anatomy import anatomy
from bench.suites.growth import growth
from bench.suites.live import live
from bench.suites.pgbench import pgbench_groups
from bench.suites.pipeline import burst, drain, lag_at_half, lag_at_peak
from bench.suites.side_by_side import MANY, Company, side_by_side, steps
from bench.suites.soak import soak
from bench.suites.step_by_step import step_by_step
from bench.suites.workloads import SHAPES, workloads
from bench.targets import Skipped
from bench.workbench import Workbench
from bench.wrk import LoadFailed

LIVE_CLIENTS = (1_000, 5_000)
_BACKLOG = 1_000_000  # votes that a worker drains
_QUICK_BACKLOG = 200_000
_FEW_ACCOUNTS = 1_000  # where accounts do not vote under load
_LAG_SECONDS = 8.0
_SHAPE_ROUNDS, _LAG_ROUNDS, _DRAIN_ROUNDS = 2, 3, 1


@dataclass(frozen=True, slots=True)
class Run:
    """A kind of run, with as many rounds of as many seconds as it takes unless told otherwise."""

    measure: Callable[[Workbench], None]
    rounds: int
    seconds: float
    is_written: bool = True


def run_bench(bench: Workbench) -> None:
    """Everything that the table of goals asks for, but for growth, soak and the live clients."""
    company = _company(bench)
    bench.teller.expect(steps(company, bench.options.rounds) + _SHAPE_ROUNDS * (len(SHAPES) + 1) + 3 * _LAG_ROUNDS + 2 * _DRAIN_ROUNDS + 2)
    side_by_side(bench, company)
    _attempt(bench, "workloads", lambda: workloads(bench, company.nexus, rounds=_SHAPE_ROUNDS))
    _pipeline(bench, company.nexus, rounds=_LAG_ROUNDS, seconds=_LAG_SECONDS)
    for _ in range(_DRAIN_ROUNDS):
        for polls in (1, 1_000):
            _attempt(bench, f"drain over {polls}", partial(drain, bench, company.nexus, polls=polls, votes=_BACKLOG))
    _attempt(bench, "anatomy", lambda: anatomy(bench, company.nexus, connections=MANY))
    if not bench.options.only:
        _attempt(bench, "pgbench", lambda: pgbench_groups(bench))


def run_quick(bench: Workbench) -> None:
    """A part of `run_bench`, with fewer rounds: enough to see that something broke."""
    company = _company(bench)
    bench.teller.expect(steps(company, bench.options.rounds, quick=True) + 6)
    side_by_side(bench, company, quick=True)
    _attempt(bench, "anatomy", lambda: anatomy(bench, company.nexus, connections=MANY))
    _pipeline(bench, company.nexus, rounds=1, seconds=4.0)
    _attempt(bench, "drain", lambda: drain(bench, company.nexus, polls=1, votes=_QUICK_BACKLOG))


def run_growth(bench: Workbench) -> None:
    growth(bench, _nexus(bench, warm=False), most=bench.options.votes)


def run_soak(bench: Workbench) -> None:
    soak(bench, _nexus(bench), minutes=bench.options.minutes)


def run_live(bench: Workbench) -> None:
    nexus = _nexus(bench)
    for number in range(bench.options.rounds):
        bench.book.about["round"] = number + 1
        for clients in LIVE_CLIENTS:
            _attempt(bench, f"{clients} live clients", partial(live, bench, nexus, clients=clients, updates=5, seconds=bench.options.seconds))


def run_steps(bench: Workbench) -> None:
    listed = parse_steps((bench.project / "bench" / "steps.toml").read_text(encoding="utf-8"))
    only = tuple(bench.options.only)
    step_by_step(bench, _nexus(bench, accounts=ACCOUNTS), [step for step in listed if not only or step.revision.startswith(only)])


RUNS = {
    "bench": Run(run_bench, 5, 3.0),
    "quick": Run(run_quick, 1, 2.0),
    "growth": Run(run_growth, 5, 3.0),
    "soak": Run(run_soak, 1, 4.0),
    "live": Run(run_live, 3, 4.0),
    "steps": Run(run_steps, 3, 3.0),
    "selfcheck": Run(selfcheck, 1, 4.0, is_written=False),
}


def _company(bench: Workbench) -> Company:
    """Everybody who can run here; who cannot is noted, with why."""
    company = Company(_nexus(bench, accounts=ACCOUNTS))
    for name in PEERS:
        if _wanted(bench, name):
            try:
                peer = make_peer(name)
            except Skipped as reason:
                bench.skip(name, str(reason))
            else:
                if bench.prepare(peer):
                    company.peers.append(peer)
    for name in CEILINGS:
        if _wanted(bench, name):
            try:
                ceiling = make_ceiling(name)
                ceiling.prepare(bench.place(name))
            except Skipped as reason:
                bench.skip(name, str(reason))
            else:
                bench.book.about.setdefault("versions", {})[ceiling.title] = dict(ceiling.versions())
                company.ceilings.append(ceiling)
    return company


def _nexus(bench: Workbench, *, warm: bool = True, accounts: int = _FEW_ACCOUNTS) -> Nexus:
    nexus = Nexus(accounts=accounts)
    if not bench.prepare(nexus, warm=warm):
        raise Skipped(f"Nexus itself does not run: {bench.book.skipped.pop(nexus.name)}")
    return nexus


def _pipeline(bench: Workbench, nexus: Nexus, *, rounds: int, seconds: float) -> None:
    peak = bench.book.spread("nexus/session/256")
    if peak is None:
        bench.book.failed.append("lag: the peak could not be measured")
        return
    for number in range(rounds):
        bench.book.about["round"] = number + 1
        with bench.running(nexus):
            bench.warm_up(nexus)
            _attempt(bench, "lag at half of peak", lambda: lag_at_half(bench, nexus, peak.median, seconds=seconds))
            _attempt(bench, "lag at peak", lambda: lag_at_peak(bench, nexus, peak.median, seconds=seconds))
            _attempt(bench, "burst", lambda: burst(bench, nexus, peak.median))


def _attempt(bench: Workbench, what: str, measure: Callable[[], None]) -> None:
    """One part may fail without taking the others with it."""
    try:
        measure()
    except (Skipped, LoadFailed) as error:
        bench.book.failed.append(f"{what}: {error}")
        bench.teller.say(f"failed: {what}: {error}")


def _wanted(bench: Workbench, name: str) -> bool:
    return not bench.options.only or name in bench.options.only
