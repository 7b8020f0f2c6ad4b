"""The record of a run: what was measured, round by round, with the machine and the settings. Pure but for reading and writing its file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.spread import Spread, spread

Record = dict[str, Any]


@dataclass
class Book:
    """`rounds` holds, under the name of what was measured, one record for each round, in their order.

    A name is made of subject, work and connections, such as `nexus/session/256`.
    `facts` are single figures, `[value, unit]` by group and name. `skipped` says why something could not be measured, `failed` what went wrong.
    """

    name: str
    about: dict[str, Any] = field(default_factory=dict)
    rounds: dict[str, list[Record]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, name: str, record: Mapping[str, Any]) -> None:
        """Notes one record, with the number of the round that is under way."""
        self.rounds.setdefault(name, []).append({"round": self.about.get("round", 1), **record})

    def has(self, name: str) -> bool:
        return bool(self.rounds.get(name))

    def values(self, name: str, key: str = "per_second") -> dict[int, float]:
        """One figure of every round by its number, the median where a round has several; rounds without it are left out."""
        return self._by_round(name, lambda record: record.get(key))

    def cpu(self, name: str, *components: str) -> dict[int, float]:
        """Microseconds of CPU per operation of these components together, likewise; without any named, of all but the load generator."""

        def together(record: Record) -> float:
            return sum(float(value) for part, value in record["cpu"].items() if (part in components if components else part != "load"))

        return self._by_round(name, together)

    def spread(self, name: str, key: str = "per_second") -> Spread | None:
        """The spread of one figure over all records."""
        return spread(float(record[key]) for record in self.rounds.get(name, []) if record.get(key) is not None)

    def cpu_spread(self, name: str, *components: str) -> Spread | None:
        return spread(self.cpu(name, *components).values())

    def named(self, beginning: str) -> Iterator[str]:
        """The names that begin so, in the order in which they were first measured."""
        return (name for name in self.rounds if name.startswith(beginning))

    def _by_round(self, name: str, figure: Callable[[Record], float | None]) -> dict[int, float]:
        found: dict[int, list[float]] = {}
        for record in self.rounds.get(name, []):
            value = figure(record)
            if value is not None:
                found.setdefault(record["round"], []).append(float(value))
        return {number: median(values) for number, values in found.items()}

    def as_json(self) -> str:
        about = {key: value for key, value in self.about.items() if key != "round"}
        return (
            json.dumps(
                {"name": self.name, "about": about} | {key: getattr(self, key) for key in ("facts", "rounds", "skipped", "failed")}, indent=1, sort_keys=False
            )
            + "\n"
        )


def read_book(path: Path) -> Book | None:
    """The book in a file, or None when there is none."""
    try:
        return Book(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
