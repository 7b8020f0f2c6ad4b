"""How long it took from each vote's commit until readers saw it, from two lists: when votes were stamped, what readers saw when. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def visible_after(stamps: Sequence[float], seen: Sequence[tuple[float, int]]) -> list[float]:
    """Seconds from each vote to the first look that counted it; votes that no look counted are left out.

    `stamps`: when votes were stamped, rising. `seen`: moments, on the same clock, with the number of ballots that the results then showed, rising. As
    every vote is counted once, the n-th is in as soon as n are: which one is which does not matter. A vote is stamped just before its commit, so
    this says a little too much, never too little.
    """
    counts = [ballots for _, ballots in seen]
    found = []
    for number, stamp in enumerate(stamps, start=1):
        place = bisect_left(counts, number)
        if place < len(seen):
            found.append(max(0.0, seen[place][0] - stamp))
    return found
