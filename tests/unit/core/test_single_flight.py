"""Many askers, one computation."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.single_flight import SingleFlight
from tests.waiting import wait_until


def test_who_asks_meanwhile_shares_the_answer() -> None:
    gate, calls = threading.Event(), []

    def compute() -> int:
        calls.append(1)
        gate.wait(5)
        return len(calls)

    shared = SingleFlight(compute, seconds=60, name="test")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(shared.get, patience=5) for _ in range(8)]
        gate.set()
        assert {answer.result() for answer in answers} == {1}
    assert shared.get(patience=5) == 1, "fresh enough"


def test_an_old_answer_is_computed_anew() -> None:
    answers = iter([1, 2])
    shared = SingleFlight(lambda: next(answers), seconds=0, name="test")
    assert [shared.get(patience=5), shared.get(patience=5)] == [1, 2]


def test_patience_ends_but_the_computation_goes_on_for_the_next() -> None:
    gate = threading.Event()
    shared = SingleFlight(lambda: gate.wait(5), seconds=60, name="test")
    assert shared.get(patience=0.01) is None
    gate.set()
    assert shared.get(patience=5) is True


def test_a_failure_reaches_everybody_who_asked() -> None:
    shared: SingleFlight[int] = SingleFlight(lambda: 1 // 0, seconds=60, name="test")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared.get(patience=5)


def test_an_answer_that_ages_is_renewed_while_it_is_given_out() -> None:
    gate, answers = threading.Event(), iter([1, 2])
    gate.set()

    def compute() -> int:
        gate.wait(5)
        return next(answers)

    shared = SingleFlight(compute, seconds=60, renew_after=0, name="test")
    assert shared.get(patience=5) == 1
    gate.clear()
    assert [shared.get(patience=0.01) for _ in range(5)] == [1] * 5
    gate.set()
    wait_until(lambda: shared.get(patience=0.01) == 2)
