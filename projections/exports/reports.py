"""Reports in PDF for readers: one process at a time makes them, off the event loop; a version that many ask for is made once."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from core.errors import InternalError, Unavailable
from projections.document import ResultsDocument
from projections.exports.report_process import order as order_for
from projections.kept_bodies import KeptBodies
from projections.memory import Entry
from projections.readers import readers
from projections.validators import Order

log = logging.getLogger(__name__)

_MOST_BYTES = 32 * 1024 * 1024
_MOST_WAITING = 20  # polls
_RETRY_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[2]

Make = Callable[[ResultsDocument, str], Awaitable[bytes]]
Current = Callable[[str, Order], Awaitable[Entry]]


@dataclass(frozen=True, slots=True)
class Report:
    """A PDF and what it is of; `entry` is the poll's as it was when the report was begun."""

    entry: Entry
    etag: bytes
    body: bytes


class Reports:
    """Belongs to one event loop. Whoever asks while a report is being made shares the next one, however many they are."""

    def __init__(self, make: Make, current: Current) -> None:
        self._make, self._current = make, current
        self._kept = KeptBodies(most_bytes=_MOST_BYTES)
        self._turn = asyncio.Semaphore(1)
        self._waiting: dict[UUID, asyncio.Task[Report]] = {}
        self._tasks: set[asyncio.Task[Report]] = set()

    async def of(self, entry: Entry) -> Report:
        """The report on this version of the poll's results or on a newer one.

        Raises `NotFound`, and `Unavailable` when too many polls' reports are waited for or one takes too long.
        """
        poll_id, etag = entry.document.poll_id, entry.prepared.etag
        kept = self._kept.get(poll_id, etag)
        if kept is not None:
            return Report(entry, etag, kept)
        task = self._waiting.get(poll_id)
        if task is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise Unavailable("Many reports are being made just now; try again in a moment.", retry_after=_RETRY_SECONDS)
            task = self._waiting[poll_id] = asyncio.create_task(self._next(entry.document))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Ends what is being made; those who wait for it are cancelled."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _next(self, document: ResultsDocument) -> Report:
        """When its turn has come, the report on what is the newest version then."""
        try:
            async with self._turn:
                entry = await self._current(str(document.poll_id), document.order)
                del self._waiting[document.poll_id]  # whoever asks from now on may have seen something newer
                prepared = entry.prepared
                body = self._kept.get(document.poll_id, prepared.etag) or await self._make(entry.document, prepared.state)
        finally:
            if self._waiting.get(document.poll_id) is asyncio.current_task():
                del self._waiting[document.poll_id]
        self._kept.keep(document.poll_id, prepared.etag, body)
        return Report(entry, prepared.etag, body)


async def make_in_process(document: ResultsDocument, state: str) -> bytes:
    """The PDF, made by a process of its own that is ended when it takes too long or nobody waits for it any more.

    Raises `Unavailable` for the former, `InternalError` when it fails.
    """
    wanted = order_for(document, state=state, own_fonts=settings.REPORT_FONTS)
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ} | {"PYTHONHASHSEED": "0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projections.exports.report_process"),
        cwd=_ROOT,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(settings.REPORT_SECONDS):
            body, said = await process.communicate(wanted)
    except TimeoutError as late:
        log.warning("the report on poll %s took longer than %s s", document.poll_id, settings.REPORT_SECONDS)
        raise Unavailable("This report takes too long just now.", retry_after=_RETRY_SECONDS) from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        log.error("the report on poll %s could not be made: %s", document.poll_id, said.decode(errors="replace").strip())
        raise InternalError
    return body


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Reports] = WeakKeyDictionary()


def reports() -> Reports:
    """Those of the running event loop."""
    loop = asyncio.get_running_loop()
    known = _of_loop.get(loop)
    if known is None:
        known = _of_loop[loop] = Reports(make_in_process, readers().loader.at_least)
    return known


async def shutdown() -> None:
    known = _of_loop.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known.stop()
