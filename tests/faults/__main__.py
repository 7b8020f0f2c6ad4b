"""`python -m tests.faults`: runs the scenarios, many rounds each, prints the table and, when asked, writes it into the docs.

Exit codes: 0 every round was good; 1 one was not, or the run did not come to its end; 3 this machine could not break everything
(`--allow-left-out`: then 0).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.engine import faulty_world
from tests.faults.order import in_turn
from tests.faults.rounds import Outcome, run_round
from tests.faults.scenario import HEALS_WITHIN, Scenario, all_scenarios
from tests.faults.servers import machine_of
from tests.faults.stack import ROOT, fresh
from tests.faults.table import summary, table, write_into
from tests.faults.world import World

FOLDER = Path(os.environ.get("FAULTS_DIR") or ROOT / ".run" / "faults")
GOOD, WRONG, LEFT_OUT = 0, 1, 3
DOCS = ROOT / "docs" / "reliability.md"


def main(arguments: Sequence[str]) -> int:
    """Runs what the command line says; its exit code."""
    options = _options(arguments)
    scenarios = _chosen(all_scenarios(), options.only)
    if not scenarios:
        _say(f"no scenario is called like {' or '.join(options.only)}; --list says which there are")
        return WRONG
    if options.list:
        for scenario in scenarios:
            _say(f"{scenario.id:<42} {scenario.rounds:>3} rounds  {scenario.name}")
        return 0
    outcomes: list[Outcome] = []
    with faulty_world(fresh(FOLDER), keep=options.keep) as world:
        machine = machine_of(world)
        whole = _run(world, in_turn(scenarios, options.rounds), options, outcomes)
    text = table(outcomes, machine)
    _say(f"\n{text}")
    if options.write and whole:
        write_into(DOCS, text)
    return exit_code(outcomes, whole=whole, allow_left_out=options.allow_left_out)


def exit_code(outcomes: Sequence[Outcome], *, whole: bool, allow_left_out: bool) -> int:
    """What went wrong weighs more than what was left out."""
    if not whole or not all(outcome.good for outcome in outcomes):
        return WRONG
    return LEFT_OUT if any(outcome.left_out for outcome in outcomes) and not allow_left_out else GOOD


def _run(world: World, turns: Sequence[tuple[Scenario, int]], options: argparse.Namespace, outcomes: list[Outcome]) -> bool:
    """Runs round after round; whether it came to the end. Ctrl-C ends it with the table so far."""
    began = time.monotonic()
    try:
        for done, (scenario, number) in enumerate(turns, start=1):
            outcome = run_round(world, scenario, number=number, short=options.short, within=options.within)
            outcomes.append(outcome)
            _say(f"[{done}/{len(turns)} {time.monotonic() - began:6.0f} s] {summary(outcome)}")
            if not outcome.good and not world.recover():
                _say(f"the stack does not come up again; see {world.stack.log_file}")
                return False
    except KeyboardInterrupt:
        _say("stopped")
        return False
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", action="append", default=[], help="only scenarios with this in their id or name; may be given again")
    parser.add_argument("--rounds", type=int, metavar="N", help="this many rounds of each scenario instead of its own number")
    parser.add_argument("--short", action="store_true", help="hold what is broken for as short as `make test` does")
    parser.add_argument(
        "--within", type=float, default=HEALS_WITHIN, metavar="SECONDS", help=f"how soon it has to heal, {HEALS_WITHIN:g} unless the machine is busy with more"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table into {DOCS.relative_to(ROOT)}")
    parser.add_argument("--allow-left-out", action="store_true", help="exit 0 also when this machine cannot break everything")
    parser.add_argument("--keep", action="store_true", help=f"leave data and logs in {FOLDER}")
    parser.add_argument("--list", action="store_true", help="only say which scenarios there are")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write takes the whole run, not --only a part of it")
    return options


def _chosen(scenarios: Sequence[Scenario], only: Sequence[str]) -> list[Scenario]:
    return [one for one in scenarios if not only or any(text in one.id or text in one.name for text in only)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
