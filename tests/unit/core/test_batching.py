"""The thread that answers many coroutines' questions in groups."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.batching import Batcher, Pending
from core.errors import Unavailable
from tests.waiting import until


@asynccontextmanager
async def running(work: Callable[[Sequence[Pending[Any, Any]]], None], **options: Any) -> AsyncIterator[Batcher[Any, Any]]:
    batcher: Batcher[Any, Any] = Batcher("test", work, **({"group_limit": 100, "queue_limit": 1000, "deadline_seconds": 5.0} | options))
    batcher.start()
    yield batcher
    await batcher.stop()


class Gate:
    """Work that waits for permission, group by group, and remembers its groups."""

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self.groups: list[list[Any]] = []

    def __call__(self, group: Sequence[Pending[Any, Any]]) -> None:
        self.groups.append([pending.question for pending in group])
        self._permits.acquire(timeout=10)
        for pending in group:
            pending.answer = f"answer to {pending.question}"

    def let(self, groups: int = 100) -> None:
        self._permits.release(groups)


async def test_what_gathers_while_a_group_is_worked_on_is_the_next_group() -> None:
    gate = Gate()
    async with running(gate, group_limit=3) as batcher:
        first = asyncio.create_task(batcher.ask(0))
        await until(lambda: gate.groups)
        others = [asyncio.create_task(batcher.ask(number)) for number in range(1, 6)]
        await until(lambda: batcher.waiting == 5)
        gate.let()
        assert await asyncio.gather(first, *others) == [f"answer to {number}" for number in range(6)]
    assert gate.groups == [[0], [1, 2, 3], [4, 5]]


async def test_at_most_one_question_per_key_is_in_a_group_and_nobody_is_overtaken() -> None:
    gate = Gate()
    async with running(gate, key=lambda question: question[0]) as batcher:
        first = asyncio.create_task(batcher.ask("x0"))
        await until(lambda: gate.groups)
        others = [asyncio.create_task(batcher.ask(question)) for question in ("a1", "a2", "b1", "a3")]
        await until(lambda: batcher.waiting == 4)
        gate.let()
        await asyncio.gather(first, *others)
    assert gate.groups == [["x0"], ["a1", "b1"], ["a2"], ["a3"]]


async def test_a_cancelled_question_leaves_its_neighbours_answered() -> None:
    gate = Gate()
    async with running(gate) as batcher:
        opener = asyncio.create_task(batcher.ask("opener"))
        await until(lambda: gate.groups)
        tasks = [asyncio.create_task(batcher.ask(number)) for number in range(3)]
        await until(lambda: batcher.waiting == 3)
        gate.let(1)
        await opener
        await until(lambda: len(gate.groups) == 2)
        tasks[1].cancel()
        gate.let()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in done] == [str, asyncio.CancelledError, str]


async def test_a_question_past_its_deadline_gets_a_503_and_is_never_begun_if_it_was_still_queued() -> None:
    gate = Gate()
    async with running(gate, deadline_seconds=0.2) as batcher:
        begun = asyncio.create_task(batcher.ask("begun"))
        await until(lambda: gate.groups)
        queued = asyncio.create_task(batcher.ask("queued"))
        refusals = await asyncio.gather(begun, queued, return_exceptions=True)
        assert [type(one) for one in refusals] == [Unavailable, Unavailable]
        assert "not known" in str(refusals[0])
        gate.let()
        await batcher.ask("later")
    assert gate.groups == [["begun"], ["later"]]


async def test_a_full_queue_refuses_at_once() -> None:
    gate = Gate()
    async with running(gate, queue_limit=2) as batcher:
        tasks = [asyncio.create_task(batcher.ask("begun"))]
        await until(lambda: gate.groups)
        tasks += [asyncio.create_task(batcher.ask(number)) for number in range(2)]
        await until(lambda: batcher.waiting == 2)
        with pytest.raises(Unavailable):
            await batcher.ask("one too many")
        gate.let()
        await asyncio.gather(*tasks)


async def test_work_that_raises_fails_its_group_only() -> None:
    def work(group: Sequence[Pending[Any, Any]]) -> None:
        if group[0].question == "bad":
            raise ValueError("bad")
        group[0].answer = "good"

    async with running(work) as batcher:
        with pytest.raises(ValueError, match="bad"):
            await batcher.ask("bad")
        assert await batcher.ask("good") == "good"
        assert batcher.failure() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_is_missed_and_started_again() -> None:
    def work(group: Sequence[Pending[Any, Any]]) -> None:
        if group[0].question == "deadly":
            raise SystemExit
        group[0].answer = "alive"

    async with running(work, deadline_seconds=0.5) as batcher:
        with pytest.raises(Unavailable):
            await batcher.ask("deadly")
        assert await batcher.ask("again") == "alive"


async def test_a_group_that_takes_longer_than_the_deadline_is_a_failure_while_it_lasts() -> None:
    gate = Gate()
    async with running(gate, deadline_seconds=0.1) as batcher:
        with pytest.raises(Unavailable):
            await batcher.ask("slow")
        assert await until(batcher.failure)
        gate.let()
        await until(lambda: batcher.failure() is None)


async def test_one_refusal_for_many_is_raised_as_an_object_for_each() -> None:
    def refuse(group: Sequence[Pending[Any, Any]]) -> None:
        refusal = Unavailable("all of you")
        for pending in group:
            pending.answer = refusal

    async with running(refuse) as batcher:
        refusals = await asyncio.gather(*(batcher.ask(number) for number in range(3)), return_exceptions=True)
    assert len({id(refusal) for refusal in refusals}) == 3
    assert {str(refusal) for refusal in refusals} == {"all of you"}


async def test_stopping_answers_what_was_taken_in_and_takes_nothing_more() -> None:
    gate = Gate()
    async with running(gate) as batcher:
        task = asyncio.create_task(batcher.ask("last"))
        await until(lambda: gate.groups)
        gate.let()
        await batcher.stop()
        assert await task == "answer to last"
        assert batcher.failure() is not None
        with pytest.raises(Unavailable):
            await batcher.ask("too late")


class Waiting:
    """One that waits without being a future, and is told once at most."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def done(self) -> bool:
        return bool(self.told)

    def set_result(self, result: Any) -> None:
        self.told.append(result)

    set_exception = set_result


async def test_whoever_posts_is_told_as_whoever_asks() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    async with running(gate) as batcher:
        waiting = [Waiting() for _ in range(3)]
        batcher.post(0, loop, waiting[0])
        await until(lambda: gate.groups)
        for number in (1, 2):
            batcher.post(number, loop, waiting[number])
        asked = asyncio.create_task(batcher.ask(3))
        await until(lambda: batcher.waiting == 3)
        gate.let()
        assert await asked == "answer to 3"
        assert [one.told for one in waiting] == [[f"answer to {number}"] for number in range(3)]
        assert not batcher._outstanding
    assert gate.groups == [[0], [1, 2, 3]]


async def test_whoever_posts_is_told_of_a_deadline_once_and_forgotten() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    async with running(gate, deadline_seconds=0.2) as batcher:
        begun, queued = Waiting(), Waiting()
        batcher.post("begun", loop, begun)
        await until(lambda: gate.groups)
        batcher.post("queued", loop, queued)
        await until(lambda: begun.told and queued.told)
        assert not batcher._outstanding
        gate.let()
        assert await batcher.ask("later") == "answer to later"
        assert "not known" in str(begun.told)
        assert "too long" in str(queued.told)
        assert (len(begun.told), len(queued.told)) == (1, 1)
    assert gate.groups == [["begun"], ["later"]]


async def test_a_full_queue_takes_nobody_in_who_posts() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    async with running(gate, queue_limit=1) as batcher:
        batcher.post("begun", loop, Waiting())
        await until(lambda: gate.groups)
        batcher.post("queued", loop, Waiting())
        refused = Waiting()
        with pytest.raises(Unavailable):
            batcher.post("one too many", loop, refused)
        assert len(batcher._outstanding) == 2
        gate.let()
        await until(lambda: not batcher._outstanding)
    assert refused.told == []


async def test_stopping_tells_whoever_has_posted_what_became_of_it() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    async with running(gate) as batcher:
        begun, queued = Waiting(), Waiting()
        batcher.post("begun", loop, begun)
        await until(lambda: gate.groups)
        batcher.post("queued", loop, queued)
        gate.let()
        await batcher.stop()
        await until(lambda: queued.told)
        assert (begun.told, queued.told) == (["answer to begun"], ["answer to queued"])
        with pytest.raises(Unavailable):
            batcher.post("too late", loop, Waiting())
        assert not batcher._outstanding


async def test_stopping_gives_up_on_a_thread_that_is_stuck_and_says_so() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    async with running(gate, deadline_seconds=0.1) as batcher:
        stuck = Waiting()
        batcher.post("stuck", loop, stuck)
        await until(lambda: gate.groups)
        assert batcher._reaper is not None
        batcher._reaper.cancel()  # else it is told of the deadline before
        await batcher.stop()
        assert [type(one) for one in stuck.told] == [Unavailable]
        assert not batcher._outstanding
        gate.let()
        await until(lambda: batcher._thread is not None and not batcher._thread.is_alive())
    assert len(stuck.told) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_dies_leaves_nobody_waiting_who_posted() -> None:
    def work(group: Sequence[Pending[Any, Any]]) -> None:
        raise SystemExit

    async with running(work, deadline_seconds=0.2) as batcher:
        lost = Waiting()
        batcher.post("deadly", asyncio.get_running_loop(), lost)
        await until(lambda: lost.told)
        assert "not known" in str(lost.told)
        assert not batcher._outstanding
