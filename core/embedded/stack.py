"""Starts servers and processes, keeps them alive, and stops them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping

from core.embedded.backoff import Backoff
from core.embedded.choice import Named, choose_broker, choose_database, choose_redis
from core.embedded.console import Console
from core.embedded.errors import CannotStart
from core.embedded.guard import Guard
from core.embedded.proctable import MARK
from core.embedded.program import Child, Program
from core.embedded.server import Server, wait_until_up
from core.embedded.state import State


class Stack:
    """Everything that was started on one STATE_DIR. `hurry` set: stopping does not wait for anybody's grace."""

    def __init__(self, state: State, guard: Guard, console: Console, environ: Mapping[str, str]) -> None:
        self.urls: dict[str, str] = {name: environ[name] for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL") if name in environ}
        self.hurry = asyncio.Event()
        self._state = state
        self._guard = guard
        self._console = console
        self._environ = {**environ, MARK: state.stack_id}
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._broker: asyncio.Task[None] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the stack's processes."""
        return {**self._environ, **self.urls, "STATE_DIR": str(self._state.path)}

    def tell_processes(self, variables: Mapping[str, str]) -> None:
        """Put variables into the environment of the processes to come."""
        self._environ |= variables

    async def start_servers(self) -> None:
        """Start what the environment does not name; PostgreSQL and Redis are up on return, the broker may still be on its way."""
        redis = self._learn(await asyncio.to_thread(choose_redis, self._state, self._environ))
        broker = self._learn(await asyncio.to_thread(choose_broker, self._state, self._environ, self.urls["REDIS_URL"]))
        self._broker = asyncio.create_task(self._bring_up(broker))  # the slowest, so it begins first
        database = self._learn(await asyncio.to_thread(choose_database, self._state, self._environ))
        await self._bring_up(redis)
        await self._bring_up(database)

    async def broker_up(self) -> None:
        """Wait until the broker is up."""
        if self._broker is not None:
            await self._broker

    async def start(self, program: Program) -> Child:
        """Start a program and keep it alive: when it ends it is started again, with back-off."""
        child = Child(program, self._guard, self._console.sink(program.name))
        self._children[program.name] = child
        await child.start()
        self._keepers[program.name] = asyncio.create_task(self._keep(child))
        return child

    async def run_once(self, program: Program) -> int:
        """Run a program to its end and return its exit code."""
        child = Child(program, self._guard, self._console.sink(program.name))
        self._children[program.name] = child
        await child.start()
        code = await child.wait()
        del self._children[program.name]
        return code

    async def stop(self) -> None:
        """Stop everything, the last stage's processes last, those of one stage in the order they were started."""
        if self._broker is not None:
            self._broker.cancel()
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), *([self._broker] if self._broker else []), return_exceptions=True)
        stages: dict[int, list[Child]] = {}
        for child in self._children.values():
            stages.setdefault(child.program.stage, []).append(child)
        for stage in sorted(stages):
            if stage > 0:
                await asyncio.gather(*(child.stop(self.hurry) for child in stages[stage]))
                continue
            for child in stages[stage]:
                await child.stop(self.hurry)

    def _learn(self, chosen: Server | Named) -> Server | Named:
        self.urls |= {chosen.variable: chosen.url} if isinstance(chosen, Server) else chosen.values
        self._console.say(chosen.saying)
        for rubbish in self._state.temporary_socket_folders():
            self._guard.remove_later(rubbish)
        return chosen

    async def _bring_up(self, chosen: Server | Named) -> None:
        if isinstance(chosen, Named):
            return
        if chosen.before is not None:
            await self.start(chosen.before)
        child = Child(chosen.program, self._guard, self._console.sink(chosen.program.name))
        self._children[chosen.program.name] = child
        await child.start()
        await wait_until_up(chosen, child)
        self._keepers[chosen.program.name] = asyncio.create_task(self._keep(child))

    async def _keep(self, child: Child) -> None:
        backoff = Backoff()
        while True:
            code = await child.wait()
            wait = backoff.after(time.monotonic() - child.started_at)
            self._console.say(f"{child.program.name} ended ({how_it_ended(code)}), starting it again in {wait:g} s")
            await asyncio.sleep(wait)
            try:
                await child.start()
            except CannotStart as error:
                self._console.say(str(error))  # the machine is short of something; the next wait is longer


def how_it_ended(code: int) -> str:
    """Return an exit code in words; a negative one is a signal."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
