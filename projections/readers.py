"""What one event loop reads results with: its connections, the loader, and those who wait for their votes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from core.batching import Batcher
from projections.awaiting import Waiters
from projections.connection import Found, Positions, Progress, document_reader, progress_reader, timeline_reader
from projections.loader import Loader
from projections.memory import memory
from projections.results_store import AsyncResultsStore, async_results_store
from projections.timelines import Timelines


@dataclass(frozen=True, slots=True)
class Readers:
    """Made by `readers()` when first needed, ended by `stop_readers()`."""

    documents: Batcher[UUID, Found]
    progress: Batcher[Positions, Progress]
    timelines: Timelines
    store: AsyncResultsStore
    loader: Loader
    waiters: Waiters


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Readers] = WeakKeyDictionary()


def readers() -> Readers:
    """Those of the running event loop; their threads connect when first asked."""
    loop = asyncio.get_running_loop()
    known = _of_loop.get(loop)
    if known is None:
        documents, progress, store = document_reader(), progress_reader(), async_results_store()
        documents.start()
        progress.start()
        timelines = Timelines(timeline_reader())
        known = _of_loop[loop] = Readers(documents, progress, timelines, store, Loader(memory, store, documents.ask), Waiters(progress.ask))
    return known


async def stop_readers() -> None:
    """Ends the running loop's threads and tasks, and closes their connections to PostgreSQL."""
    known = _of_loop.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known.waiters.stop()
        await known.loader.stop()
        await asyncio.gather(known.documents.stop(), known.progress.stop(), known.timelines.stop())
