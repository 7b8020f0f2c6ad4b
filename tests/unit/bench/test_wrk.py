"""What wrk tells is read right, and a load that broke is no figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.wrk import LoadFailed, RanOut, read_result, write_requests

TOLD = {
    "requests": 1000, "microseconds": 2_000_000, "bytes": 5000, "refused": 100, "broken": 0, "timeouts": 0, "used_up": 0,
    "p50": 1000, "p90": 2000, "p99": 3000, "p999": 4000, "max": 5000,
}  # fmt: skip


def test_refused_requests_are_not_accepted_ones() -> None:
    load = read_result(json.dumps(TOLD))
    assert (load.answered, load.accepted, load.accepted_per_second) == (1000, 900, 450.0)
    assert (load.p50, load.p99, load.slowest) == (0.001, 0.003, 0.005)


@pytest.mark.parametrize("change", [{"broken": 1}, {"timeouts": 1}])
def test_a_broken_load_is_no_figure(change: dict[str, int]) -> None:
    with pytest.raises(LoadFailed):
        read_result(json.dumps(TOLD | change))


def test_requests_that_were_sent_twice_for_want_of_others_are_no_figure() -> None:
    with pytest.raises(RanOut):
        read_result(json.dumps(TOLD | {"used_up": 1}))


def test_each_thread_has_requests_of_its_own(tmp_path: Path) -> None:
    assert write_requests(tmp_path / "votes", [b"a", b"b", b"c"], threads=2) == 3
    assert (tmp_path / "votes.0").read_bytes() == b"a\x01c\x01"
    assert (tmp_path / "votes.1").read_bytes() == b"b\x01"
