"""What an edit of a poll leaves alone after its tallies were rebuilt."""

from __future__ import annotations

from commands.handlers import close_poll
from commands.models import Poll
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, votes_of
from tests.vote_rows import connected, select, write_votes
from workers import rebuild
from workers.cutting import Cutter
from workers.rebuild import State


def count_votes(ballot: Ballot, cutter: Cutter, votes: int) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], votes)
    for cut in cut_all(cutter, votes):
        assert cut.batch_id is not None
        apply_batch(cut.batch_id)


def test_the_first_generation_does_not_come_back_with_an_edit_once_it_was_dropped(ballot: Ballot, cutter: Cutter) -> None:
    count_votes(ballot, cutter, 2)
    rebuild.begin(ballot.poll_id)
    while rebuild.fill_chunk(ballot.poll_id).state == State.FILLING:
        pass
    assert rebuild.verify(ballot.poll_id) == []
    rebuild.flip(ballot.poll_id)
    rebuild.retire(ballot.poll_id)
    while rebuild.drop_chunk(ballot.poll_id).state == State.RETIRING:
        pass
    poll = Poll.objects.get(pk=ballot.poll_id)
    close_poll(poll_id=poll.pk, actor=poll.owner)
    assert select("SELECT generation FROM tally_generations WHERE poll_id = %s", poll.pk) == [(2,)]
    assert select("SELECT DISTINCT generation FROM choice_tallies WHERE poll_id = %s", poll.pk) == [(2,)]
    assert votes_of(ballot.poll_id) == [2, 0, 0]
