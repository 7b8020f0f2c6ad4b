"""One round: votes arrive, the scenario breaks and mends, and everything is held against everything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from tests.faults import checks
from tests.faults.crowd import Crowd
from tests.faults.ledger import Verdict, judge
from tests.faults.organiser import Organiser
from tests.faults.scenario import HEALS_WITHIN, CannotBreak, Scenario
from tests.faults.world import World

LEAST_RATE = 300.0  # requests a second
_WARM = 100  # answered requests before anything breaks
_PATIENCE = 90.0  # seconds to wait for what should take ten, to say how long it took


@dataclass(slots=True)
class Outcome:
    """What came of a round. `broken_for`: from the proof that it broke to the proof that it was mended; `answered_after` and
    `healed_after`: from then on, until whoever waited was answered, and until readers saw all of that; seconds."""

    scenario: Scenario
    verdict: Verdict = field(default_factory=Verdict)
    rate: float = 0.0
    broken_for: float = 0.0
    answered_after: float = 0.0
    healed_after: float = 0.0
    retries: int = 0
    left_out: str = ""
    within: float = HEALS_WITHIN
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems


def run_round(world: World, scenario: Scenario, *, number: int = 0, short: bool = False, within: float = HEALS_WITHIN) -> Outcome:
    """Runs the scenario once. What is wrong is in `problems`; so is a time to heal above `within` seconds."""
    outcome = Outcome(scenario, within=within)
    fixed, changeable = Organiser(world.stack.port).make_polls()
    world.polls = [fixed.id, changeable.id]
    world.round = number
    world.said_before = world.stack.log_file.stat().st_size
    world.crowd = crowd = Crowd("127.0.0.1", world.stack.port, fixed=fixed, changeable=changeable)
    try:
        world.votes_arrive(_WARM)
        _break_and_mend(world, scenario, outcome, hold=scenario.short_hold if short else scenario.hold)
        _settle(world, crowd, outcome)
    except CannotBreak as reason:
        outcome.left_out = str(reason)
    except Exception as error:  # noqa: BLE001  (whatever it was, the table says so, and the other rounds go on)
        outcome.problems.append(f"{type(error).__name__}: {error}")
    finally:
        world.stack.network.heal()
        crowd.close()
    if not outcome.left_out:
        _judge(world, crowd, outcome)
    return outcome


def _break_and_mend(world: World, scenario: Scenario, outcome: Outcome, *, hold: float) -> None:
    steps = scenario.broken(world)
    try:
        next(steps)
        began = time.monotonic()
        time.sleep(hold)
        for _ in steps:
            raise RuntimeError(f"{scenario.id} yields more than once")
        mended = time.monotonic()
    finally:
        steps.close()  # type: ignore[attr-defined]  # what it holds is let go also when something failed
    outcome.broken_for = mended - began
    _converge(world, mended, outcome)


def _converge(world: World, mended: float, outcome: Outcome) -> None:
    """From mended to: everybody who asked before is answered, and readers see all of that. More votes arrive all the while."""
    crowd = world.crowd
    assert crowd is not None
    end = mended + _PATIENCE

    def wait(condition: Any) -> None:
        while not condition():
            assert time.monotonic() < end, f"not within {_PATIENCE:g} s of mending; {crowd.open} requests are open, the last failure: {crowd.last_failure}"
            time.sleep(0.05)

    wait(lambda: crowd.open_since(mended) == 0)
    outcome.answered_after = time.monotonic() - mended
    log_end = checks.barrier(world)
    wait(lambda: checks.caught_up(world, log_end))
    wanted = checks.versions(world)
    wait(lambda: checks.shown(world, wanted))
    outcome.healed_after = time.monotonic() - mended
    if outcome.healed_after > outcome.within:
        outcome.problems.append(f"it took {outcome.healed_after:.1f} s after mending, not {outcome.within:g}")


def _settle(world: World, crowd: Crowd, outcome: Outcome) -> None:
    """Nobody new comes; when everybody is answered all counts are equal, soon."""
    crowd.stop_arrivals()
    end = time.monotonic() + outcome.within
    while crowd.open and time.monotonic() < end:
        time.sleep(0.02)
    if crowd.open:
        outcome.problems.append(f"{crowd.open} requests are not answered, the last failure: {crowd.last_failure}")
    while (not_seen := crowd.not_seen) and time.monotonic() < end:
        time.sleep(0.02)
    if not_seen:
        outcome.problems.append(f"{not_seen} votes were answered and are not in the results that their voters ask for")
    difference = checks.agree_within(world, outcome.within)
    if difference:
        outcome.problems.append(difference)


def _judge(world: World, crowd: Crowd, outcome: Outcome) -> None:
    outcome.rate = crowd.per_second
    outcome.retries = crowd.retries
    if outcome.rate < LEAST_RATE:
        outcome.problems.append(f"only {outcome.rate:.0f} requests a second arrived, the machine was busy with something else")
    outcome.problems += crowd.setbacks[:3]
    blind = [kind for kind, much in crowd.seen.items() if not much]
    if blind or not crowd.seen:
        outcome.problems.append(f"readers saw nothing: {', '.join(blind)}")
    try:
        outcome.verdict = judge(crowd.requests, checks.log_rows(world))
    except (psycopg2.Error, LookupError) as error:
        outcome.problems.append(f"the log cannot be read: {error!r}")
        return
    outcome.problems += outcome.verdict.problems
    if outcome.verdict.lost or outcome.verdict.twice:
        outcome.problems.append(f"lost {outcome.verdict.lost}, twice {outcome.verdict.twice}")
