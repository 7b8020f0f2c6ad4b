"""Random interleavings of everything that happens to votes, against a dictionary from voter to ballot."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django.fixtures import Settings

from core.limits import vote_limit
from tests.counting import own_names
from tests.model.clock import movable_clock
from tests.model.machine import Interleavings
from tests.model.world import World

__all__ = ["own_names"]


@pytest.fixture
def world(committed_db: None, own_names: str, settings: Settings) -> Iterator[World]:
    settings.VOTE_RATE_LIMIT = "off"
    vote_limit.cache_clear()
    with movable_clock():
        world = World()
        try:
            yield world
        finally:
            world.stop()
    vote_limit.cache_clear()


def run_example(world: World, number: int, *, steps: int) -> None:
    """One example, from a seed of its own: left to itself, hypothesis makes most of its first examples out of one another.

    A failing one is printed as it is: its steps read well enough, and making them fewer takes minutes.
    """
    bounds = settings(max_examples=1, stateful_step_count=steps, phases=[Phase.generate], database=None)
    try:
        run_state_machine_as_test(seed(number)(lambda: Interleavings(world)), settings=bounds)  # type: ignore[arg-type]  # any callable will do
    except Exception as failure:
        failure.add_note(f"run_example(world, {number}, steps={steps})")
        raise


def test_whatever_happens_in_whatever_order_every_ballot_is_counted_once_and_final_is_true(world: World) -> None:
    for number in range(30):
        run_example(world, number, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_steps_find_nothing_either(world: World) -> None:
    """Other ones each time."""
    for _ in range(200):
        run_example(world, secrets.randbits(32), steps=100)
