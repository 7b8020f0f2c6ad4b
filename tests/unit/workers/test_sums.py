"""Adding tallies up and comparing them."""

from __future__ import annotations

from projections.tallying import tally
from workers.sums import Difference, Sums, add_deltas, differences, tallied

OFFERED = {"p": {"a": "q", "b": "q"}}


def test_payloads_add_up_to_what_the_rows_of_a_generation_are() -> None:
    sums: Sums = {}
    for payload in ([("p", ["a", "b"], 60, 2), ("p", [], 60, 1)], [("p", ["a"], 60, -1), ("p", ["b"], 120, 1)]):
        add_deltas(sums, tally(payload, OFFERED))
    assert differences(tallied(3, {"q": 2}, {"a": 1, "b": 3}, {"60": 2, "120": 1}), sums) == []


def test_what_one_side_lacks_is_zero_there() -> None:
    assert differences({("minute", "60"): 0}, {}) == []
    assert differences({("choice", "a"): 2}, {("minute", "60"): 1}) == [
        Difference(what="choice", key="a", counted=2, expected=0),
        Difference(what="minute", key="60", counted=0, expected=1),
    ]


def test_a_difference_reads_as_a_sentence() -> None:
    assert str(Difference(what="ballots", key="", counted=1, expected=2)) == "ballots: 1 counted, 2 expected"
