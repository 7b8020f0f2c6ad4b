"""Reads `/proc`: what processes have used, by component, and how much memory they hold."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.procstat import Stat, parse_busy, parse_memory, parse_stat, per_component, trees

_PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds

Components = Mapping[str, Sequence[int]]


@dataclass
class Usage:
    """CPU seconds used by each component between two moments, the seconds that passed, and the share of the machine that was busy with others."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    foreign: float = 0.0


def read_stats() -> list[Stat]:
    """Every process there is now; one that ends while it is read is left out."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                found.append(parse_stat((entry / "stat").read_text(encoding="utf-8", errors="replace")))
            except OSError:
                continue
    return found


@contextmanager
def measured(components: Components) -> Iterator[Usage]:
    """Measures what the components use while the block runs; the result is complete when it ends.

    What the block itself starts and waits for counts as `load`, with this process and whatever the components call so.
    """
    usage = Usage()
    before, busy, began = _used(components), _busy(), time.monotonic()
    yield usage
    usage.seconds = time.monotonic() - began
    after, now_busy = _used(components), _busy()
    usage.cpu = {name: max(0, after[name] - before[name]) * TICK for name in before}
    others = (now_busy[0] - busy[0]) * TICK - sum(usage.cpu.values())
    usage.foreign = max(0.0, others / ((now_busy[1] - busy[1]) * TICK or 1.0))


def memory(components: Components) -> dict[str, int]:
    """Bytes of memory of each component: private pages, and those that processes share in shares; no files, no shared buffers."""
    stats = read_stats()
    return {name: sum(_pss(stat.pid) for stat in trees(stats, roots)) for name, roots in components.items()}


def children_of(pid: int) -> dict[str, list[int]]:
    """The children of a process by their names."""
    found: dict[str, list[int]] = {}
    for stat in read_stats():
        if stat.parent == pid:
            found.setdefault(stat.name, []).append(stat.pid)
    return found


def _used(components: Components) -> dict[str, int]:
    stats = read_stats()
    used = per_component(stats, components)
    times = os.times()
    used["load"] = used.get("load", 0) + round((times.user + times.system + times.children_user + times.children_system) / TICK)
    return used


def _busy() -> tuple[int, int]:
    return parse_busy((_PROC / "stat").read_text(encoding="ascii"))


def _pss(pid: int) -> int:
    """A process's own memory, what it shares with its parent in shares; without files and shared buffers, where the kernel tells them apart."""
    for name, keys in (("smaps_rollup", ("Pss_Anon", "Pss")), ("status", ("VmRSS",))):
        try:
            found = parse_memory((_PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        for key in keys:
            if key in found:
                return found[key]
    return 0
