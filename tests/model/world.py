"""Production and model side by side: each method does one thing to the system, foretells what comes of it, and holds the two against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connections

from commands.casting import Receipt
from commands.handlers import close_poll, create_poll, edit_poll
from core.accounts.models import User
from core.errors import IdempotencyKeyReused, NexusError, PollClosed
from core.events import PollFacts
from core.postgres import connect
from core.redis import sync_redis
from projections.rendering import render
from projections.results_store import results_key
from tests.conftest import empty_all_tables
from tests.factories import make_user
from tests.model.aside import Aside
from tests.model.clock import Clock
from tests.model.counting import TAKEN, Counting
from tests.model.oracle import POST, Answered, PollModel, Question
from tests.model.reading import Readers
from tests.model.rebuilding import audit
from tests.model.voting import Held, Voting, Written
from tests.vote_rows import select
from tests.waiting import wait_until
from workers import tasks
from workers.epochs import begin_epoch
from workers.finality import finish_polls
from workers.sealing import seal_due_polls

_NARROW = timedelta(seconds=5)
_CHOICES = [{"text": "a"}, {"text": "b"}, {"text": "c"}]
_ONE = {"text": "One?", "choices": _CHOICES}
_MANY = {"text": "Many?", "kind": "multiple", "min_choices": 0, "max_choices": 3, "choices": _CHOICES}
_NONE_OR_ONE = {"text": "One, or none?", "min_choices": 0, "choices": _CHOICES}


class World:
    """The connections and threads live as long as the test; each example begins with `begin` in empty tables."""

    def __init__(self) -> None:
        self.link = connect("direct", application_name="nexus-model")
        self.readers_link = connect("results", application_name="nexus-model-readers")
        self.clock = Clock(self.link)
        self.aside = Aside()
        self.voting = Voting(self.aside)
        self.counting = Counting(self.link)
        self.readers = Readers(self.readers_link)
        self.polls: list[PollModel] = []
        self.voters: list[UUID] = [uuid4() for _ in range(5)]
        self.answered: list[Answered] = []

    def stop(self) -> None:
        self.voting.stop()
        self.counting.stop()
        self.aside.stop()
        self.link.close()
        self.readers_link.close()
        connections.close_all()

    def begin(self) -> None:
        self.voting.roll_all_back()
        empty_all_tables()
        self.counting.begin()
        self.readers.begin()
        self.answered.clear()
        self._owner: User = make_user()
        self.polls = [self._poll([_ONE], None), self._poll([_MANY], 240), self._poll([_NONE_OR_ONE, _MANY], 600, changeable=False)]

    def _poll(self, questions: Sequence[object], closes_in: int | None, *, changeable: bool = True) -> PollModel:
        closes_at = None if closes_in is None else self.clock.now() + timedelta(seconds=closes_in)
        body = {"title": "A poll", "voters": "account", "changeable": changeable, "questions": list(questions)}
        facts: PollFacts = create_poll(owner=self._owner, body=body | ({} if closes_at is None else {"closes_at": closes_at.isoformat()}))
        asked = tuple(Question(str(q.id), tuple(str(choice.id) for choice in q.choices), q.min_choices, q.max_choices) for q in facts.questions)
        return PollModel(id=facts.id, changeable=changeable, questions=asked, closes_at=closes_at)

    # --- voters

    def request(self, method: str, poll: PollModel, voter: UUID, seed: int, *, key: str | None, commit: bool) -> None:
        now, body = self._now(), poll.body(seed)
        refusal = poll.deserves(method, voter, now)
        holders = [] if refusal else self.voting.holders(lambda row: row.poll is poll and row.voter == voter)
        outcome = self.voting.waiting_for(holders, lambda: self.voting.cast(method, poll, voter, body, key), lambda: self._finish_all(holders, commit=commit))
        refusal = poll.deserves(method, voter, now)
        if refusal is not None:
            assert type(outcome) is refusal, f"{method} was answered {outcome!r}"
            return
        assert isinstance(outcome, Receipt), f"{method} was answered {outcome!r}"
        assert not outcome.replayed
        self._took(poll, method, voter, body, outcome)
        if key is not None:
            self.answered.append(Answered(method, poll, voter, body, key, outcome.id))

    def repeat(self, answered: Answered, other_seed: int | None, *, commit: bool) -> None:
        """The same request again; with another seed the same key for another ballot, if it is another."""
        self._finish_all(self.voting.holders(lambda row: row.voter == answered.voter), commit=commit)
        body = answered.body if other_seed is None else answered.poll.body(other_seed)
        outcome = self.voting.cast(answered.method, answered.poll, answered.voter, body, answered.key)
        if body != answered.body and answered.method != "DELETE":
            assert isinstance(outcome, IdempotencyKeyReused)
        else:
            assert isinstance(outcome, Receipt), f"a replay was answered {outcome!r}"
            assert (outcome.id, outcome.replayed) == (answered.receipt, True)

    def rush(self, method: str, poll: PollModel, wishes: Sequence[tuple[UUID, int]]) -> None:
        """Several at once, some of the same voter: of those that cast, one succeeds; of those that change, all do, one after the other."""
        now = self._now()
        wishes = [(voter, seed) for voter, seed in wishes if not self.voting.holders(lambda row, voter=voter: row.voter == voter)]  # type: ignore[misc]
        outcomes = self.voting.cast_together([(method, poll, voter, poll.body(seed), None) for voter, seed in wishes])
        expected = {voter: poll.deserves(method, voter, now) for voter, _ in wishes}
        succeeded = [(outcome, voter, seed) for outcome, (voter, seed) in zip(outcomes, wishes, strict=True) if isinstance(outcome, Receipt)]
        for voter, refusal in expected.items():
            of_voter = [outcome for outcome, (whose, _) in zip(outcomes, wishes, strict=True) if whose == voter]
            receipts = sum(isinstance(outcome, Receipt) for outcome in of_voter)
            assert receipts == (0 if refusal else 1 if method == POST else len(of_voter)), f"{method} at once was answered {of_voter!r}"
        for receipt, voter, seed in sorted(succeeded, key=lambda success: success[0].cast_at):
            self._took(poll, method, voter, poll.body(seed), receipt)

    def write_in(self, held: Held, method: str, poll: PollModel, voter: UUID, seed: int) -> None:
        if self.voting.holders(lambda row: row.poll is poll and row.voter == voter):
            return
        refusal = poll.deserves(method, voter, self._now())
        assert self.voting.write_in(held, method, poll, voter, poll.body(seed)) == (refusal is None)

    def finish(self, held: Held, *, commit: bool) -> None:
        self._finish_all([held], commit=commit)

    # --- owners, and the clock

    def close(self, poll: PollModel, *, commit: bool) -> None:
        self._changing([poll], lambda: close_poll(poll_id=poll.id, actor=self._owner), commit=commit)
        poll.closed = True

    def edit(self, poll: PollModel, seconds: int | None, *, commit: bool) -> None:
        """Another title, or a later end where there is one."""
        is_open = poll.is_open(self._now())
        later = poll.closes_at + timedelta(seconds=seconds) if seconds is not None and poll.closes_at is not None else None
        body = {"title": "Another title"} if later is None else {"closes_at": later.isoformat()}

        def edit() -> NexusError | None:
            try:
                edit_poll(poll_id=poll.id, actor=self._owner, body=body)
            except NexusError as refusal:
                return refusal
            return None

        refusal = self._changing([poll], edit, commit=commit)
        assert (refusal is None) == is_open, f"an edit was answered {refusal!r}"
        assert refusal is None or isinstance(refusal, PollClosed)
        if later is not None and refusal is None:
            poll.closes_at = later

    def seal_due(self, *, commit: bool) -> None:
        now = self._now()
        due = [poll for poll in self.polls if not poll.closed and not poll.is_open(now)]
        sealed = self._changing(due, lambda: seal_due_polls(self.link), commit=commit)
        assert sealed == len(due)
        for poll in due:
            poll.closed = True

    def begin_epoch(self, *, commit: bool) -> None:
        holders = [held for held in self.voting.held if held.touched]
        self.voting.waiting_for(holders, lambda: begin_epoch(1), lambda: self._finish_all(holders, commit=commit))

    # --- everything else

    def empty_redis(self) -> None:
        sync_redis().delete(*[results_key(epoch, poll.id) for poll in self.polls for epoch in range(1, 20)])
        self.readers.redis_was_emptied()

    def settle(self) -> None:
        """Lets everything come to rest, as it does by itself once nothing new happens."""
        for held in tuple(self.voting.held):
            self.finish(held, commit=True)

        def is_at_rest() -> bool:
            self.clock.advance(301)  # past every lease and every pause between publications
            self.seal_due(commit=True)
            relay = self.counting.relays[1]
            if relay.cutter.look().worth_a_cut:
                relay.cutter.cut()
            self.counting.publish(TAKEN)
            while self.counting.queue.messages:
                self.counting.deliver(self.counting.queue.messages.pop())
            finish_polls(self.link)
            return not any(select(_UNDER_WAY)[0])

        wait_until(is_at_rest, seconds=25)  # whoever else writes in the cluster may hold the horizon for a moment
        tasks.sweep.run()
        self.readers.look(self.polls)
        kept = self.readers.in_redis([poll.id for poll in self.polls])
        render([poll.id for poll in self.polls if poll.id not in kept])  # what was emptied comes back with the first reader
        self.readers.look_when_all_is_counted(self.polls)
        self.readers.ask_after(self.polls, all_is_counted=True)
        audit(poll.id for poll in self.polls)

    def _changing(self, polls: Sequence[PollModel], action: Callable[[], object], *, commit: bool) -> object:
        self._finish_all([held for held in self.voting.held if any(poll in polls for poll in held.maybe)], commit=commit)
        holders = [held for held in self.voting.held if any(poll in polls for poll in held.locked)]
        return self.voting.waiting_for(holders, action, lambda: self._finish_all(holders, commit=commit))

    def _finish_all(self, holders: Sequence[Held], *, commit: bool) -> None:
        for held in holders:
            for row in self.voting.finish(held, commit=commit):
                self._is_in(row)

    def _is_in(self, row: Written) -> None:
        row.poll.took(row.method, row.voter, row.body, row.cast_at)
        row.poll.quiet_since = self.clock.now()

    def _took(self, poll: PollModel, method: str, voter: UUID, body: dict[str, object], receipt: Receipt) -> None:
        poll.took(method, voter, body, receipt.cast_at)
        poll.quiet_since = self.clock.now()

    def _now(self) -> datetime:
        """The clock, moved on where a poll would end while a step is under way."""
        now = self.clock.now()
        while any(poll.closes_at is not None and timedelta() < poll.closes_at - now < _NARROW for poll in self.polls):
            now = self.clock.advance(5)
        return now


_UNDER_WAY = """
SELECT (SELECT count(*) FROM votes) > coalesce((SELECT sum(votes) FROM vote_batches), 0),
       EXISTS (SELECT FROM vote_batches WHERE applied_at IS NULL),
       EXISTS (SELECT FROM poll_cards WHERE sealed_at IS NOT NULL AND NOT final)
"""
