"""The web processes of former revisions and of this tree in turn, with everything else as it is here: what each step of the tuning did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.checkouts import Checkouts
from bench.correctness import check_target
from bench.nexus.target import Nexus
from bench.steps import THIS_TREE, WORKS, Step
from bench.suites.side_by_side import in_turn
from bench.targets import Skipped
from bench.workbench import Work, Workbench


def step_by_step(bench: Workbench, nexus: Nexus, steps: Sequence[Step]) -> None:
    """Every step once a round; one that cannot be had, or whose web process does not do right on the present schema, is noted as skipped."""
    with Checkouts(bench.project, bench.folder / "trees") as checkouts:
        bench.teller.expect(len(steps) + bench.options.rounds * len(WORKS) * (len(steps) + 1))
        measured: dict[str, str] = bench.book.about.setdefault("steps", {})
        turns: list[tuple[str, Callable[[], None]]] = []
        for step in steps:
            try:
                tree = checkouts.add(step.revision)
                _check(bench, nexus, tree)
            except Skipped as reason:
                bench.skip(step.revision, str(reason))
            else:
                bench.teller.step(f"{step.revision}: counts right")
                measured[step.revision] = step.what
                turns.append((step.revision, partial(_measure, bench, nexus, step.revision, tree)))
        measured[THIS_TREE] = "as it is here"
        turns.append((THIS_TREE, partial(_measure, bench, nexus, THIS_TREE, bench.project)))
        bench.teller.expect(bench.options.rounds * len(WORKS) * len(turns))
        in_turn(bench, turns)


def _check(bench: Workbench, nexus: Nexus, tree: Path) -> None:
    nexus.web_from(tree)
    with bench.running(nexus):
        check_target(nexus)


def _measure(bench: Workbench, nexus: Nexus, name: str, tree: Path) -> None:
    nexus.web_from(tree)
    with bench.running(nexus):
        bench.warm_up(nexus)
        for voters, connections in WORKS:
            bench.votes(f"{name}/{voters}/{connections}", nexus, Work(voters=voters), connections=connections)
