"""What a scenario is, and all there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import scenarios

if TYPE_CHECKING:
    from tests.faults.world import World

HEALS_WITHIN = 10.0  # seconds, as promised

Break = Callable[["World"], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that breaks. `broken` breaks it and proves that, yields, and mends it and proves that too.

    `kills`: which process each round kills, for the table. `rounds`: how often the long run does it. `hold`: seconds it stays broken while votes
    arrive; `short_hold`: the same in the short form, which takes only those with `short`.
    """

    name: str
    broken: Break
    kills: str
    rounds: int
    hold: float
    short: bool
    short_hold: float

    @property
    def id(self) -> str:
        return f"{self.broken.__module__.rpartition('.')[2]}.{self.broken.__name__}"


_known: dict[str, Scenario] = {}


class CannotBreak(Exception):
    """This machine cannot do it; the text says why. The scenario is left out, and the table says so."""


def scenario(
    name: str, *, kills: str = "", rounds: int = 1, hold: float = 1.0, short: bool = False, short_hold: float | None = None
) -> Callable[[Break], Break]:
    """Registers a generator function that takes the `World`; see `Scenario`."""

    def register(broken: Break) -> Break:
        known = Scenario(name, broken, kills, rounds, hold, short, hold if short_hold is None else short_hold)
        _known[known.id] = known
        return broken

    return register


def all_scenarios() -> list[Scenario]:
    """Every scenario of every file in `scenarios/`, by file and then as they stand there."""
    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda module: module.name):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return list(_known.values())
