"""A server that is away is asked rarely, and by one caller at a time."""

from __future__ import annotations

from core.circuit import Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_closed_until_something_fails() -> None:
    circuit = Circuit(clock=Clock())
    assert circuit.closed
    assert circuit.may_try()
    assert circuit.may_try()


def test_after_a_failure_one_caller_tries_again_per_pause() -> None:
    clock = Clock()
    circuit = Circuit(first_pause=1.0, clock=clock)
    circuit.failed()
    assert not circuit.closed
    assert not circuit.may_try()
    clock.now += 1.0
    assert circuit.may_try()
    assert not circuit.may_try(), "the first one is still finding out"


def test_the_pause_doubles_up_to_its_bound_and_a_success_ends_it() -> None:
    clock = Clock()
    circuit = Circuit(first_pause=1.0, longest_pause=3.0, clock=clock)
    waits = []
    for _ in range(4):
        circuit.failed()
        before = clock.now
        while not circuit.may_try():
            clock.now += 0.5
        waits.append(clock.now - before)
    assert waits == [1.0, 2.0, 3.0, 3.0]
    circuit.succeeded()
    assert circuit.closed


def test_only_the_first_failure_and_the_first_success_are_news() -> None:
    circuit = Circuit(clock=Clock())
    assert circuit.failed()
    assert not circuit.failed()
    assert circuit.succeeded()
    assert not circuit.succeeded()
