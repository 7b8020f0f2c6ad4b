"""In which order the rounds are run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.scenario import Scenario


def in_turn(scenarios: Sequence[Scenario], rounds: int | None) -> list[tuple[Scenario, int]]:
    """Each scenario with the number of its round, spread evenly over the run.

    One after the other would kill the same process again and again, and the supervisor's back-off would grow to half a minute.
    """
    turns = [((number + 0.5) / (rounds or one.rounds), place, one, number) for place, one in enumerate(scenarios) for number in range(rounds or one.rounds)]
    return [(one, number) for _, _, one, number in sorted(turns, key=lambda turn: turn[:2])]
