"""What may happen next: every step that voters, owners, relays, workers, rebuilds and crashes can take, in any order."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model import rebuilding
from tests.model.counting import PUBLISHING, TAKEN
from tests.model.oracle import METHODS, POST, PollModel
from tests.model.world import World
from workers import tasks
from workers.finality import finish_polls

# How often a step is taken, among all. One rule draws them: with a rule for each, hypothesis leaves half of them out of every example.
STEPS = {
    "vote": 7, "vote_at_once": 1, "repeat": 2,
    "begin_a_transaction": 1, "vote_in_a_transaction": 6, "end_a_transaction": 3, "vote_against_a_transaction": 2, "close_against_a_transaction": 1,
    "close": 1, "edit_or_extend": 2, "let_time_pass": 3, "seal_what_is_due": 1, "new_epoch": 1,
    "cut": 5, "die_cutting": 1, "cut_with_two_relays": 1, "publish": 4, "deliver": 6, "die_counting": 2, "die_before_rendering": 1,
    "begin_a_slow_rendering": 2, "end_a_slow_rendering": 2, "finish_polls": 2, "sweep": 1, "empty_redis": 1, "ask_after": 1,
    "rebuild": 6, "die_rebuilding": 1, "audit": 1,
}  # fmt: skip
MOST_HELD = 3


class Dice(NamedTuple):
    """What a step makes of itself: numbers that say which of the things that are there, and two decisions."""

    which: int
    other: int
    seed: int
    flag: bool
    commit: bool


DICE = st.builds(Dice, which=st.integers(0, 59), other=st.integers(0, 59), seed=st.integers(0, 31), flag=st.booleans(), commit=st.booleans())


def one_of(things: Any, which: int) -> Any:
    return things[which % len(things)]


class Interleavings(RuleBasedStateMachine):
    """Steps do nothing where there is nothing to do them to. `commit` decides about open transactions that stand in a step's way."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.keys = 0
        self.begun = False

    @initialize(dice=st.lists(DICE.filter(any), min_size=3, max_size=6))
    def some_have_voted(self, dice: list[Dice]) -> None:
        """The filter leaves out the example of nothing but zeros, which hypothesis begins with and which shows little."""
        self.world.begin()
        self.begun = True
        for each in dice:
            self.vote(each)

    @rule(name=st.sampled_from([name for name, times in STEPS.items() for _ in range(times)]), dice=DICE)
    def step(self, name: str, dice: Dice) -> None:
        getattr(self, name)(dice)

    @invariant()
    def readers_see_what_they_may(self) -> None:
        self.world.readers.look(self.world.polls)

    def teardown(self) -> None:
        if self.begun:
            self.world.settle()

    def poll(self, dice: Dice) -> PollModel:
        poll: PollModel = one_of(self.world.polls, dice.which)
        return poll

    def voter(self, method: str, poll: PollModel, dice: Dice) -> UUID:
        """Anybody; to change a ballot mostly somebody who has one."""
        voter: UUID = one_of(self.world.voters if method == POST or not poll.ballots or dice.flag else [*poll.ballots], dice.other)
        return voter

    def message(self, dice: Dice) -> dict[str, object] | None:
        """One of the queue, which is filled first when it is empty."""
        queue = self.world.counting.queue
        if not queue.messages:
            self.world.counting.publish(TAKEN)
        message: dict[str, object] | None = one_of(queue.messages, dice.which) if queue.messages else None
        return message

    def vote(self, dice: Dice) -> None:
        self.keys += 1
        method, poll = one_of((POST, *METHODS), dice.seed), self.poll(dice)
        self.world.request(method, poll, self.voter(method, poll, dice), dice.seed, key=f"key-{self.keys}" if dice.flag else None, commit=dice.commit)

    def vote_at_once(self, dice: Dice) -> None:
        wishes = [(one_of(self.world.voters, number), number % 32) for number in (dice.which, dice.other, dice.seed, dice.which + dice.seed)]
        self.world.rush("POST" if dice.flag else "PUT", self.poll(dice), wishes)

    def repeat(self, dice: Dice) -> None:
        if self.world.answered:
            self.world.repeat(one_of(self.world.answered, dice.which), dice.seed if dice.flag else None, commit=dice.commit)

    def begin_a_transaction(self, _dice: Dice) -> None:
        if len(self.world.voting.held) < MOST_HELD:
            self.world.voting.begin()

    def vote_in_a_transaction(self, dice: Dice) -> None:
        if not self.world.voting.held:
            self.world.voting.begin()
        held, method, poll = one_of(self.world.voting.held, dice.seed), one_of((POST, *METHODS), dice.seed), self.poll(dice)
        self.world.write_in(held, method, poll, self.voter(method, poll, dice), dice.seed)

    def vote_against_a_transaction(self, dice: Dice) -> None:
        """By a voter whose other vote is written and not committed."""
        rows = [row for held in self.world.voting.held for row in held.written]
        if rows:
            row = one_of(rows, dice.which)
            self.world.request(one_of((POST, *METHODS), dice.seed), row.poll, row.voter, dice.seed, key=None, commit=dice.commit)

    def close_against_a_transaction(self, dice: Dice) -> None:
        rows = [row for held in self.world.voting.held for row in held.written]
        if rows:
            self.world.close(one_of(rows, dice.which).poll, commit=dice.commit)

    def end_a_transaction(self, dice: Dice) -> None:
        if self.world.voting.held:
            self.world.finish(one_of(self.world.voting.held, dice.which), commit=dice.commit or dice.flag)

    def close(self, dice: Dice) -> None:
        self.world.close(self.poll(dice), commit=dice.commit)

    def edit_or_extend(self, dice: Dice) -> None:
        self.world.edit(self.poll(dice), 20 + dice.other if dice.flag else None, commit=dice.commit)

    def let_time_pass(self, dice: Dice) -> None:
        self.world.clock.advance(1 + dice.other)

    def seal_what_is_due(self, dice: Dice) -> None:
        self.world.seal_due(commit=dice.commit)

    def new_epoch(self, dice: Dice) -> None:
        if dice.flag:
            self.world.begin_epoch(commit=dice.commit)

    def cut(self, dice: Dice) -> None:
        cutter = one_of(self.world.counting.relays, dice.which).cutter
        if dice.flag or cutter.look().worth_a_cut:
            cutter.cut()

    def die_cutting(self, dice: Dice) -> None:
        one_of(self.world.counting.relays, dice.which).cut_and_die()

    def cut_with_two_relays(self, dice: Dice) -> None:
        self.world.counting.cut_together(dice.which % 2, self.world.aside)

    def publish(self, dice: Dice) -> None:
        self.world.counting.publish(one_of(PUBLISHING, dice.which))

    def deliver(self, dice: Dice) -> None:
        message = self.message(dice)
        if message is not None:
            self.world.counting.deliver(message)
            if dice.flag:
                self.world.counting.queue.messages.remove(message)

    def die_counting(self, dice: Dice) -> None:
        message = self.message(dice)
        if message is not None:
            self.world.counting.deliver_and_die_counting(message, after=1 + dice.other % 8)

    def die_before_rendering(self, dice: Dice) -> None:
        message = self.message(dice)
        if message is not None:
            self.world.counting.deliver_and_die_before_rendering(message)

    def begin_a_slow_rendering(self, dice: Dice) -> None:
        self.world.counting.begin_rendering([self.poll(dice).id])

    def end_a_slow_rendering(self, dice: Dice) -> None:
        self.world.counting.end_rendering(dice.which)

    def finish_polls(self, _dice: Dice) -> None:
        finish_polls(self.world.link)

    def sweep(self, _dice: Dice) -> None:
        tasks.sweep.run()

    def empty_redis(self, dice: Dice) -> None:
        if dice.flag:
            self.world.empty_redis()

    def ask_after(self, _dice: Dice) -> None:
        self.world.readers.ask_after(self.world.polls)

    def rebuild(self, dice: Dice) -> None:
        """Some steps on: one by one, an example would seldom come to the end."""
        poll = self.world.polls[dice.which % 4 % 2]
        for _ in range(1 + dice.seed % 4):
            rebuilding.take_a_step(poll.id, dice.other)

    def die_rebuilding(self, dice: Dice) -> None:
        rebuilding.take_a_step_and_die(self.world.polls[dice.which % 2].id, dice.other, after=1 + dice.seed % 8)

    def audit(self, dice: Dice) -> None:
        rebuilding.audit([self.poll(dice).id])
