"""What `/proc` says about processes: text in, numbers out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One line of `/proc/<pid>/stat`. Times in clock ticks; `reaped` is what ended children used that their parent has waited for."""

    pid: int
    name: str
    parent: int
    own: int
    reaped: int
    started: int


def parse_stat(text: str) -> Stat:
    """Reads a line of `/proc/<pid>/stat`; the name in brackets may itself hold spaces and brackets."""
    pid, _, rest = text.partition(" (")
    name, _, rest = rest.rpartition(") ")
    fields = rest.split()
    return Stat(
        pid=int(pid),
        name=name,
        parent=int(fields[1]),
        own=int(fields[11]) + int(fields[12]),
        reaped=int(fields[13]) + int(fields[14]),
        started=int(fields[19]),
    )


def trees(stats: Iterable[Stat], roots: Iterable[int]) -> list[Stat]:
    """The roots that live and all that descend from them, each once."""
    by_pid: dict[int, Stat] = {}
    children: dict[int, list[Stat]] = {}
    for stat in stats:
        by_pid[stat.pid] = stat
        children.setdefault(stat.parent, []).append(stat)
    found: dict[int, Stat] = {}
    waiting = [by_pid[root] for root in roots if root in by_pid]
    while waiting:
        stat = waiting.pop()
        if stat.pid not in found:
            found[stat.pid] = stat
            waiting.extend(children.get(stat.pid, []))
    return list(found.values())


def ticks(tree: Iterable[Stat]) -> int:
    """What the processes of a tree have used so far, with the children that ended meanwhile: each was reaped by its parent in the tree."""
    return sum(stat.own + stat.reaped for stat in tree)


def per_component(stats: Iterable[Stat], components: Mapping[str, Iterable[int]]) -> dict[str, int]:
    """Ticks used by each component's process trees."""
    every = list(stats)
    return {component: ticks(trees(every, roots)) for component, roots in components.items()}


def parse_memory(rollup: str) -> dict[str, int]:
    """Bytes by name of `/proc/<pid>/smaps_rollup` (or `status`): `Pss` counts shared pages in shares, so that processes add up."""
    found: dict[str, int] = {}
    for line in rollup.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) == 2 and words[1] == "kB" and words[0].isdecimal():
            found[name] = int(words[0]) * 1024
    return found


def parse_cpu_model(cpuinfo: str) -> str:
    """The model's name in `/proc/cpuinfo`, or words that say it has none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "cpu model"}:
            return " ".join(value.split())
    return "unnamed processor"


def parse_busy(stat: str) -> tuple[int, int]:
    """Ticks that all processors together were busy, and ticks that passed, of the first line of `/proc/stat`."""
    fields = [int(word) for word in stat.split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)
