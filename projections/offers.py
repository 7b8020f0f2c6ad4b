"""Remembers which question of a poll offers which choice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping


class Offers:
    """Choice → question of the polls used last. Only for polls that have votes: their questions are frozen. Belongs to one thread."""

    def __init__(self, *, polls_kept: int) -> None:
        self._polls_kept = polls_kept
        self._polls: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def missing(self, polls: Iterable[str]) -> list[str]:
        """Those of `polls` that `of` would not know."""
        return [poll for poll in polls if poll not in self._polls]

    def of(self, polls: Iterable[str], learned: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
        """The offers of `polls`: `learned`, which is remembered, and what was remembered before."""
        found: dict[str, Mapping[str, str]] = {}
        for poll in polls:
            offers = learned.get(poll) or self._polls.get(poll)
            if offers is None:
                continue
            found[poll] = self._polls[poll] = offers
            self._polls.move_to_end(poll)
        while len(self._polls) > self._polls_kept:
            self._polls.popitem(last=False)
        return found
