"""What /proc says is read right, and nobody's CPU is lost or counted twice."""

from __future__ import annotations

from bench.procstat import Stat, parse_busy, parse_cpu_model, parse_memory, parse_stat, per_component, ticks, trees

LINE = "4242 (Web (worker) 1) S 17 4242 4242 0 -1 4194560 100 200 0 0 11 7 5 3 20 0 4 0 987654 1000000 500 18446744073709551615 0 0"


def stat(pid: int, parent: int, own: int = 0, reaped: int = 0) -> Stat:
    return Stat(pid=pid, name="x", parent=parent, own=own, reaped=reaped, started=1)


def test_a_name_with_brackets_and_spaces_does_not_shift_the_fields() -> None:
    assert parse_stat(LINE) == Stat(pid=4242, name="Web (worker) 1", parent=17, own=18, reaped=8, started=987654)


def test_a_tree_holds_all_descendants_and_no_stranger() -> None:
    stats = [stat(1, 0), stat(10, 1), stat(11, 10), stat(12, 11), stat(20, 1)]
    assert {one.pid for one in trees(stats, [10])} == {10, 11, 12}


def test_a_root_below_another_root_counts_once() -> None:
    stats = [stat(10, 1, own=5), stat(11, 10, own=7)]
    assert ticks(trees(stats, [10, 11])) == 12


def test_what_a_child_used_still_counts_when_it_has_ended() -> None:
    before = [stat(10, 1, own=5), stat(11, 10, own=7)]
    after = [stat(10, 1, own=6, reaped=9)]  # the child went on to 9 and ended; its parent has waited for it
    assert ticks(trees(after, [10])) - ticks(trees(before, [10])) == 3


def test_components_are_told_apart_and_one_that_is_gone_counts_nothing() -> None:
    stats = [stat(10, 1, own=5), stat(11, 10, own=7), stat(20, 1, own=2)]
    assert per_component(stats, {"web": [10], "worker": [20], "relay": [30]}) == {"web": 12, "worker": 2, "relay": 0}


def test_memory_and_processor_are_read_from_their_files() -> None:
    assert parse_memory("00-11 ---p [rollup]\nRss:   1764 kB\nPss_Anon:  116 kB\n") == {"Rss": 1764 * 1024, "Pss_Anon": 116 * 1024}
    assert parse_cpu_model("processor : 0\nmodel name\t: A  Fast   One\n") == "A Fast One"
    assert parse_cpu_model("processor : 0\n") == "unnamed processor"


def test_waiting_for_the_disk_is_not_busy() -> None:
    assert parse_busy("cpu  10 1 5 70 9 1 2 2 0 0\ncpu0 1 1 1 1\n") == (21, 100)
