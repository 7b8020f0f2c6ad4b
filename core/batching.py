"""A thread of its own that answers many coroutines' questions in groups: whatever gathered while it worked on the last group is the next."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from core.errors import Unavailable

log = logging.getLogger(__name__)

_IDLE_SECONDS = 2.0
_STUCK = 3  # whoever asked has had an answer since the first deadline; time-outs of the server come in between

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Waiter(Protocol):
    """Whoever waits for an answer on a loop: a future, or what stands for one where tasks cost too much. None of this may raise."""

    def done(self) -> bool: ...
    def set_result(self, result: Any, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


class Pending(Generic[Question, Answer]):
    """A question that waits for its answer."""

    __slots__ = ("answer", "deadline", "loop", "question", "taken", "waiter")

    def __init__(self, question: Question, loop: asyncio.AbstractEventLoop, deadline: float, waiter: Waiter) -> None:
        self.question = question
        self.loop = loop
        self.waiter = waiter
        self.deadline = deadline  # on time.monotonic()
        self.taken = False
        self.answer: Answer | BaseException | None = None


Group = Sequence[Pending[Question, Answer]]


class Batcher(Generic[Question, Answer]):
    """Runs `work(group)` on one supervised thread; `work` puts an answer or an exception into every `pending.answer`.

    No waiting window: a lone question is worked on when the loop's turn ends, and under load groups grow by themselves, to `group_limit` at most. At most
    one question per `key` goes into a group; the others stay for the next. `ask` raises `Unavailable` when `queue_limit` questions wait already, and
    when `deadline_seconds` pass; a question still queued then is taken out first, one that is being worked on has an unknown outcome. `when_idle` runs
    on the thread at its start and every few seconds without questions: the place to look after a connection. `when_stuck` runs on the loop when the
    thread has been busy for `_STUCK` deadlines, and again after as many more: it must make whatever the thread waits for fail.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Group[Question, Answer]], None],
        *,
        group_limit: int,
        queue_limit: int,
        deadline_seconds: float,
        key: Callable[[Question], Hashable] | None = None,
        when_idle: Callable[[], None] = lambda: None,
        when_stuck: Callable[[], object] = lambda: None,
        at_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._work, self._key = name, work, key
        self._when_idle, self._when_stuck, self._at_stop = when_idle, when_stuck, at_stop
        self._group_limit, self._queue_limit, self._deadline_seconds = group_limit, queue_limit, deadline_seconds
        self._queue: deque[Pending[Question, Answer]] = deque()
        self._outstanding: set[Pending[Question, Answer]] = set()
        self._condition = threading.Condition(threading.Lock())
        self._idle = True
        self._waking: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._group_since: float | None = None
        self._busy_since: float | None = None  # with a group, or with `when_idle`
        self._hung_up_at = -math.inf
        self._thread: threading.Thread | None = None
        self._reaper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the thread, and on the running loop the task that watches deadlines and the thread itself."""
        self._stopping = False
        self._start_thread()
        self._reaper = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Lets what is queued be answered, until the last deadline, then ends the thread; where nobody waits any more, within about two seconds."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None:
            last = max((pending.deadline for pending in self._outstanding if not pending.waiter.done()), default=time.monotonic())
            await asyncio.to_thread(self._thread.join, max(0.0, last - time.monotonic()) + 1)
            if self._thread.is_alive():
                self._when_stuck()
                await asyncio.to_thread(self._thread.join, 1)
        if self._reaper is not None:
            self._reaper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reaper
        for pending in self._outstanding:
            if not pending.waiter.done():
                pending.waiter.set_exception(Unavailable("The server is stopping."))
        self._outstanding.clear()

    def failure(self) -> str | None:
        """Why questions cannot be answered just now, or None."""
        if self._thread is None or not self._thread.is_alive():
            return f"the {self._name} thread is not running"
        since = self._group_since
        if since is not None and time.monotonic() - since > self._deadline_seconds:
            return f"the {self._name} thread has been at one group for longer than its deadline"
        return None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises what `work` put in its place, or `Unavailable`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        pending = self.post(question, loop, future)
        try:
            return await future
        finally:
            self._outstanding.discard(pending)

    def post(self, question: Question, loop: asyncio.AbstractEventLoop, waiter: Waiter) -> Pending[Question, Answer]:
        """The same without a coroutine: `waiter` hears the answer on `loop`. Raises `Unavailable` when too many wait, or the server stops."""
        pending: Pending[Question, Answer] = Pending(question, loop, time.monotonic() + self._deadline_seconds, waiter)
        with self._condition:
            if self._stopping or len(self._queue) >= self._queue_limit:
                raise Unavailable("Too many requests are waiting; try again in a moment.")
            self._queue.append(pending)
            wake = self._idle and self._waking is not loop
        if wake:
            self._waking = loop
            loop.call_soon(self._wake)
        self._outstanding.add(pending)
        return pending

    def _wake(self) -> None:
        """At the end of a turn of the loop, so that the thread finds all questions that came in it, and does not fight for the interpreter before."""
        self._waking = None
        with self._condition:
            self._condition.notify()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._rest()
            while (group := self._take()) is not None:
                self._group_since = self._busy_since = time.monotonic()
                try:
                    self._work(group)
                except Exception as error:
                    log.exception("%s: a group failed", self._name)
                    for pending in group:
                        if pending.answer is None:
                            pending.answer = error
                self._group_since = self._busy_since = None
                self._deliver(group)
        finally:
            self._group_since = self._busy_since = None
            self._at_stop()

    def _rest(self) -> None:
        self._busy_since = time.monotonic()
        try:
            self._when_idle()
        except Exception:
            log.exception("%s: what it does when idle failed", self._name)
        self._busy_since = None

    def _take(self) -> list[Pending[Question, Answer]] | None:
        """The next group, or None when it is time to end."""
        while not self._wait_for_questions():
            if self._stopping:
                return None
            self._rest()
        with self._condition:
            group: list[Pending[Question, Answer]] = []
            left: list[Pending[Question, Answer]] = []
            seen: set[Hashable] = set()
            while self._queue and len(group) < self._group_limit:
                pending = self._queue.popleft()
                if pending.waiter.done():  # its deadline passed, or its client has gone, before anything was done for it
                    continue
                if self._key is not None:
                    key = self._key(pending.question)
                    if key in seen:
                        left.append(pending)
                        continue
                    seen.add(key)
                pending.taken = True
                group.append(pending)
            self._queue.extendleft(reversed(left))
            return group

    def _wait_for_questions(self) -> bool:
        """Waits a few seconds at most; whether there are any."""
        with self._condition:
            self._idle = True
            self._condition.wait_for(lambda: bool(self._queue) or self._stopping, _IDLE_SECONDS)
            self._idle = False
            return bool(self._queue)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            if self._thread is not None and not self._thread.is_alive() and not self._stopping:
                log.error("the %s thread had died and is started again", self._name)
                self._start_thread()
            now = time.monotonic()
            busy_since = self._busy_since
            if busy_since is not None and now - max(busy_since, self._hung_up_at) > _STUCK * self._deadline_seconds:
                log.error("the %s thread gets no answer and is cut off from whom it asked", self._name)
                self._hung_up_at = now
                self._when_stuck()
            late = [pending for pending in self._outstanding if pending.deadline < now]
            for pending in late:
                self._outstanding.discard(pending)
                with self._condition:
                    unknown = pending.taken
                    if not pending.waiter.done():
                        pending.waiter.set_exception(
                            Unavailable("It is not known whether this was done; ask again." if unknown else "This took too long; try again.")
                        )

    def _deliver(self, group: Group[Question, Answer]) -> None:
        """Hands the answers to their loops, in one call per loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Pending[Question, Answer]]] = {}
        for pending in group:
            by_loop.setdefault(pending.loop, []).append(pending)
        for loop, part in by_loop.items():
            with contextlib.suppress(RuntimeError):  # that loop has closed: nobody waits there any more
                loop.call_soon_threadsafe(self._settle, part)

    def _settle(self, group: Group[Question, Answer]) -> None:
        self._outstanding.difference_update(group)
        for pending in group:
            if pending.waiter.done():  # one cancelled request must not leave its neighbours unanswered
                continue
            if isinstance(pending.answer, BaseException):
                pending.waiter.set_exception(copy.copy(pending.answer))  # one refusal may answer many, and each is raised somewhere else
            elif pending.answer is not None:
                pending.waiter.set_result(pending.answer)
            else:
                pending.waiter.set_exception(Unavailable())
