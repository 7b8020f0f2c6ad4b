"""A whole rebuild of one poll's tallies, from beginning to end, going on where an earlier one was broken off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from workers import rebuild
from workers.log_reading import Marker
from workers.rebuild import Rebuild, RebuildRefused, State
from workers.sums import Difference

_PATIENCE_SECONDS = 15.0
_PAUSE_SECONDS = 0.05
_SHARED = {State.FILLING, State.FILLED, State.VERIFIED}

Progress = Callable[[str, float], None]  # what is being done, and how far it is, from 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a rebuild. `wrong`: where the new tallies differ from the log; readers never saw them then. `drift`: where the old ones were wrong.

    `kept`: the old tallies are kept and fed, so there is a way back.
    """

    rebuild: Rebuild
    wrong: list[Difference]
    drift: list[Difference]
    kept: bool


def rebuild_poll(poll_id: UUID, *, dry_run: bool = False, progress: Progress = lambda _what, _share: None) -> Outcome:
    """Rebuilds the poll's tallies and shows them to readers; a dry run compares and drops them instead.

    Old tallies that were wrong are kept and fed until `drop_old` or the next rebuild; where they were right there is nothing to go back to, and they go
    at once. Raises `RebuildRefused`; a dry run also where a rebuild is under way, which it would have to drop.
    """
    begun = _begun(poll_id, dry_run=dry_run)
    generation = begun.generation  # from here on of this one only, whatever others do to the poll meanwhile
    while begun.state == State.FILLING:
        progress("filling", begun.filled.share)
        begun = rebuild.fill_chunk(poll_id, generation)

    def compared(marker: Marker) -> None:
        progress("comparing", marker.share)

    wrong = rebuild.verify(poll_id, generation, progress=compared)
    if dry_run or wrong:
        drift = rebuild.drift_of(poll_id, generation)
        dropped = drop_new(poll_id, generation)
        return Outcome(rebuild=dropped, wrong=wrong, drift=drift, kept=False)
    flipped = rebuild.flip(poll_id, generation)
    drift = flipped.drift or []
    if not drift:
        return Outcome(rebuild=drop_old(poll_id, generation), wrong=[], drift=[], kept=False)
    return Outcome(rebuild=flipped, wrong=[], drift=drift, kept=flipped.state == State.FLIPPED)


def go_back(poll_id: UUID) -> Rebuild:
    """Shows the old tallies again and drops the new ones. Raises `RebuildRefused` where there is no way back."""
    return drop_new(poll_id, rebuild.flip_back(poll_id).generation)


def drop_old(poll_id: UUID, generation: int | None = None) -> Rebuild:
    """Drops the old tallies: there is no way back any more. Raises `RebuildRefused` where no new ones are shown."""
    return _drop(rebuild.retire(poll_id, generation))


def drop_new(poll_id: UUID, generation: int | None = None) -> Rebuild:
    """Drops tallies that readers do not see. Raises `RebuildRefused` where they do."""
    return _drop(rebuild.cancel(poll_id, generation))


def _begun(poll_id: UUID, *, dry_run: bool) -> Rebuild:
    """A new rebuild, or the one that is under way: also where somebody else began it a moment ago and is nearly done."""
    before = rebuild.find(poll_id)
    if before is not None and before.state in _SHARED and not dry_run:
        return before
    if before is not None:
        _clear(before, dry_run=dry_run)
    try:
        return rebuild.begin(poll_id)
    except RebuildRefused:
        present = rebuild.find(poll_id)
        if present is None or dry_run or (before is not None and present.generation == before.generation):
            raise
        return present


def _clear(before: Rebuild, *, dry_run: bool) -> None:
    """Ends what an earlier run left, so that a new one may begin."""
    if dry_run and before.state in _SHARED | {State.FLIPPED, State.BACK}:
        raise RebuildRefused(
            f"a rebuild is under way ({State(before.state).label}), and a dry run changes nothing of it; go on with it, --retire or --cancel it"
        )
    if before.state == State.FLIPPED:
        before = rebuild.retire(before.poll_id, before.generation)
    elif before.state == State.BACK:
        before = rebuild.cancel(before.poll_id, before.generation)
    _drop(before)


def _drop(left: Rebuild) -> Rebuild:
    """Drops rows for as long as there are any, and waits a little where a transaction is open that may still write to them; the rest goes another time."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (dropping := rebuild.drop_chunk(left.poll_id, left.generation)).state in {State.RETIRING, State.CANCELLING} and time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
    return dropping
