"""The table that `make faults` prints and writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.__main__ import exit_code
from tests.faults.ledger import Verdict
from tests.faults.order import in_turn
from tests.faults.rounds import Outcome
from tests.faults.scenario import Scenario, all_scenarios
from tests.faults.table import summary, table, write_into
from tests.faults.world import World


def nothing(world: World) -> Iterator[None]:
    yield


def scenario(name: str, *, kills: str = "", rounds: int = 1) -> Scenario:
    return Scenario(name=name, broken=nothing, kills=kills, rounds=rounds, hold=1.0, short=False, short_hold=1.0)


RELAY, WORKER = scenario("the relay", kills="relay", rounds=4), scenario("the worker", kills="worker", rounds=2)


def outcome(of: Scenario, *, healed: float = 1.0, lost: int = 0, problems: tuple[str, ...] = ()) -> Outcome:
    verdict = Verdict(sent=1000, answered=1000, counted=1000 - lost, lost=lost)
    return Outcome(of, verdict=verdict, rate=330.0, broken_for=2.0, healed_after=healed, problems=list(problems))


def test_rounds_of_a_fault_are_one_row_and_all_are_summed_up() -> None:
    text = table([outcome(RELAY), outcome(WORKER), outcome(RELAY, healed=3.0)], "2 cores")
    assert "| the relay | 2 | 2,000 | 2,000 | 2,000 | 0 | 0 | 2.0 s | 2.0 / 3.0 s |" in text
    assert "| all | 3 | 3,000 | 3,000 | 3,000 | 0 | 0 | 2.0 s | 1.0 / 3.0 s |" in text
    assert "relay 2 times, worker 1 times" in text
    assert "went wrong" not in text


def test_what_went_wrong_is_said() -> None:
    bad = outcome(RELAY, lost=1, problems=("one vote is missing",))
    assert "- the relay: one vote is missing" in table([bad], "2 cores")
    assert "WRONG: one vote is missing" in summary(bad)
    assert not bad.good


def test_what_this_machine_cannot_break_is_left_out_and_said() -> None:
    left_out = Outcome(WORKER, left_out="no small disk")
    text = table([outcome(RELAY), left_out], "2 cores")
    assert "| the worker | left out: no small disk |" in text
    assert "worker 1 times" not in text


def test_a_row_says_which_of_its_rounds_were_left_out() -> None:
    text = table([outcome(WORKER), Outcome(WORKER, left_out="no small disk")], "2 cores")
    assert "| the worker (1 of 2 rounds left out: no small disk) | 1 | 1,000 |" in text


def test_what_was_left_out_has_an_exit_code_of_its_own() -> None:
    left_out, bad = Outcome(WORKER, left_out="no small disk"), outcome(RELAY, problems=("one vote is missing",))
    assert exit_code([outcome(RELAY)], whole=True, allow_left_out=False) == 0
    assert exit_code([outcome(RELAY), left_out], whole=True, allow_left_out=False) == 3
    assert exit_code([outcome(RELAY), left_out], whole=True, allow_left_out=True) == 0
    assert exit_code([bad, left_out], whole=True, allow_left_out=True) == 1
    assert exit_code([outcome(RELAY)], whole=False, allow_left_out=True) == 1


def test_the_table_goes_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- faults:begin -->\nold\n<!-- faults:end -->\nafter\n", encoding="utf-8")
    write_into(page, "new")
    assert page.read_text(encoding="utf-8") == "before\n<!-- faults:begin -->\nnew\n<!-- faults:end -->\nafter\n"
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match="has no"):
        write_into(page, "new")


def test_the_rounds_of_a_scenario_are_spread_over_the_run() -> None:
    turns = in_turn([RELAY, WORKER], None)
    assert [(one.name, number) for one, number in turns] == [
        *(("the relay", 0), ("the worker", 0), ("the relay", 1)),
        *(("the relay", 2), ("the worker", 1), ("the relay", 3)),
    ]
    assert [number for _, number in in_turn([RELAY], 2)] == [0, 1]


def test_the_long_run_kills_each_process_at_least_twenty_times() -> None:
    kills: dict[str, int] = {}
    for one in all_scenarios():
        kills[one.kills] = kills.get(one.kills, 0) + one.rounds
    assert {name for name, count in kills.items() if count >= 20} >= {"web", "relay", "worker", "beat", "supervisor"}
