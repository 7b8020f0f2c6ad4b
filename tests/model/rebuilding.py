"""The repairing side of the model test: rebuilds of a poll's tallies, step by step, given up, taken back, and left half-way by a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from tests.model.counting import Died, dies_after
from workers import rebuild
from workers.rebuild import State
from workers.standing import log_at, standings_of
from workers.sums import differences

_ROWS = 2  # a chunk, so that even few votes take several


def drop(poll_id: UUID) -> object:
    return rebuild.drop_chunk(poll_id, rows=_ROWS)


def fill(poll_id: UUID) -> object:
    return rebuild.fill_chunk(poll_id, rows=_ROWS)


def verify(poll_id: UUID) -> None:
    assert rebuild.verify(poll_id) == []


_NEXT: dict[State | None, tuple[Callable[[UUID], object], ...]] = {
    None: (rebuild.begin,),
    State.FILLING: (fill, fill, fill, fill, fill, rebuild.cancel),
    State.FILLED: (verify, verify, verify, rebuild.cancel),
    State.VERIFIED: (rebuild.flip, rebuild.flip, rebuild.flip, rebuild.cancel),
    State.FLIPPED: (rebuild.flip_back, rebuild.retire, rebuild.retire),
    State.BACK: (rebuild.flip, rebuild.cancel),
    State.RETIRING: (drop,),
    State.CANCELLING: (drop,),
    State.RETIRED: (rebuild.begin,),
    State.CANCELLED: (rebuild.begin,),
}


def take_a_step(poll_id: UUID, which: int) -> None:
    """One of the steps that are possible now."""
    present = rebuild.find(poll_id)
    steps = _NEXT[None if present is None else State(present.state)]
    steps[which % len(steps)](poll_id)


def take_a_step_and_die(poll_id: UUID, which: int, *, after: int) -> None:
    """The same, but the process ends after so many statements, if there are as many."""
    with dies_after(after):
        try:
            take_a_step(poll_id, which)
        except Died:
            return


def audit(poll_ids: Iterable[UUID]) -> None:
    """Every generation that is fed and filled holds, with what is still on its way to it, what the log says: at every moment."""
    for poll_id in poll_ids:
        present = rebuild.find(poll_id)
        for number, standing in standings_of(poll_id).items():
            is_whole = present is None or present.state != State.FILLING or number != present.generation
            if standing.fed and is_whole:
                found = [str(difference) for difference in differences(standing.sums, log_at(poll_id, standing))]
                assert found == [], f"generation {number} is not what the log says; the rebuild: {present}"
