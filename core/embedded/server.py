"""What every server of the stack has in common: its program, how to ask whether it is up, what it is called by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.embedded.errors import CannotStart
from core.embedded.program import Child, Program


@dataclass(frozen=True)
class Server:
    """A server to start: `url` is how the rest reaches it, `saying` the line that tells people what was chosen.

    `answers` raises OSError or ConnectionError while the server is not up yet. `before` is started first.
    """

    variable: str
    url: str
    saying: str
    program: Program
    answers: Callable[[], Awaitable[None]]
    within: float  # seconds
    before: Program | None = None


async def wait_until_up(server: Server, child: Child) -> None:
    """Wait until `server` answers. Raises CannotStart with one line if it ends or `within` seconds pass."""
    deadline = time.monotonic() + server.within
    name = server.program.name
    while True:
        if child.ended:
            raise CannotStart(_why(f"{name} ended while it was starting", child))
        try:
            await asyncio.wait_for(server.answers(), timeout=5.0)
        except (OSError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise CannotStart(_why(f"{name} did not come up within {server.within:g} s ({error})", child)) from error
            await asyncio.sleep(0.05)
        else:
            return


def _why(what: str, child: Child) -> str:
    words = child.last_words()
    if "No space left" in words:
        what = f"disk full: {what}"
    return f"{what}{': ' + words if words else ''} (log: {child.program.log})"
