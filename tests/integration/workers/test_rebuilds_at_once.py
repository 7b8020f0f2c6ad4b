"""Two who rebuild one poll at once: they share the work, and neither shows or drops what is the other's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.counting import Ballot, results_of, votes_of
from tests.integration.workers.test_rebuild import cut_and_apply, drop, fill, generations, spoil, vote
from tests.integration.workers.test_repair_commands import operate
from tests.vote_rows import run
from workers import rebuild, rebuild_run
from workers.cutting import Cutter
from workers.rebuild import RebuildRefused, State


def begin_another(ballot: Ballot) -> None:
    """Gives up the rebuild that is under way, and fills a new one, wrongly."""
    rebuild.cancel(ballot.poll_id)
    drop(ballot)
    assert rebuild.begin(ballot.poll_id).generation == 3
    fill(ballot)
    run("UPDATE poll_tallies SET ballots = 9 WHERE poll_id = %s AND generation = 3", ballot.poll_id)


def test_a_rebuild_that_began_during_a_long_comparison_is_not_called_equal_to_the_log(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    cut_and_apply(cutter, 2)
    rebuild.begin(ballot.poll_id)
    fill(ballot)
    others = [begin_another]
    with pytest.raises(RebuildRefused, match="dropped meanwhile"):
        rebuild.verify(ballot.poll_id, progress=lambda _: others.pop()(ballot) if others else None)
    present = rebuild.find(ballot.poll_id)
    assert present is not None
    assert (present.generation, present.state) == (3, State.FILLED)
    with pytest.raises(RebuildRefused, match="dropped"):
        rebuild.flip(ballot.poll_id, 2)
    with pytest.raises(RebuildRefused, match="nothing filled"):
        rebuild.verify(ballot.poll_id, 2)
    assert votes_of(ballot.poll_id) == [2, 0, 0]


def test_another_rebuild_than_the_one_asked_for_is_not_shown_nor_dropped(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    cut_and_apply(cutter, 2)
    rebuild.begin(ballot.poll_id)
    fill(ballot)
    assert rebuild.verify(ballot.poll_id, 2) == []
    begin_another(ballot)
    run("UPDATE tally_rebuilds SET state = 'verified' WHERE generation = 3")
    with pytest.raises(RebuildRefused, match="dropped"):
        rebuild.flip(ballot.poll_id, 2)
    assert rebuild.cancel(ballot.poll_id, 2).state == State.CANCELLED, "as it was before"
    assert [generation for generation, _, _ in generations(ballot)] == [1, 3]
    assert results_of(ballot.poll_id).ballots == 2


def test_a_generation_that_is_gone_is_nothing_to_compare(ballot: Ballot) -> None:
    rebuild.begin(ballot.poll_id)
    fill(ballot)
    run("DELETE FROM tally_generations WHERE poll_id = %s AND generation = 2", ballot.poll_id)
    with pytest.raises(RebuildRefused, match="nothing filled"):
        rebuild.verify(ballot.poll_id)


@pytest.mark.parametrize(
    ("step", "spoilt"),
    [*((step, False) for step in ("begin", "fill_chunk", "verify", "flip", "retire")), *((step, True) for step in ("begin", "fill_chunk", "verify", "flip"))],
)
def test_two_who_rebuild_a_poll_at_once_are_both_done(ballot: Ballot, cutter: Cutter, monkeypatch: pytest.MonkeyPatch, step: str, *, spoilt: bool) -> None:
    vote(ballot, 0, 3)
    cut_and_apply(cutter, 3)
    if spoilt:
        spoil(ballot, 0, 1)
    go_on = getattr(rebuild, step)
    others: list[rebuild_run.Outcome] = []

    def after_the_other_has_done_it_all(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        others.append(rebuild_run.rebuild_poll(ballot.poll_id))
        return go_on(*arguments, **options)

    monkeypatch.setattr(rebuild_run.rebuild, step, after_the_other_has_done_it_all)
    code, said = operate("rebuild_tallies", str(ballot.poll_id))
    assert (code, len(others), len(others[0].drift)) == (0, 1, int(spoilt)), said
    assert ("drift in 1 places is mended" in said) == spoilt, said
    assert votes_of(ballot.poll_id) == [3, 0, 0]
    assert operate("audit_tallies", str(ballot.poll_id))[0] == 0
