"""`ws(s)://…/ws/v1/polls/{id}/results`: the same events as texts of a WebSocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.connections import connection_of
from core.errors import NotFound
from core.origins import check_origin
from projections.admission import POLL_ID
from projections.channels import hub
from projections.following import Ending, Follower
from projections.frames import Frame
from projections.stream_access import open_to

if TYPE_CHECKING:
    from core.lean import LeanRequest, Send

_CODES = {Ending.FINAL: 1000, Ending.STOPPING: 1012, Ending.HIDDEN: 1008, Ending.GONE: 1008, Ending.TALKS: 1008}  # RFC 6455 and its registry
_MOST_MESSAGES, _PER_SECONDS = 100, 10.0  # clients have nothing to say to us


async def handle_socket(request: LeanRequest, send: Send, poll_id: str) -> None:
    """Follows until there is an end. `websocket.connect` has been received. Raises, before it accepts, as `open_to` does and `NotFound`."""
    if POLL_ID.fullmatch(poll_id) is None:
        raise NotFound
    check_origin(request)  # cookies come along from any page, so the page must be one of ours
    access = await open_to(request, poll_id)
    await send({"type": "websocket.accept"})
    follower = Follower(SocketWire(send), connection_of(request.scope), access.may_see)
    listening = asyncio.create_task(_listen(request, follower))
    try:
        ending = await follower.follow(hub(), poll_id, access.entry, seen=access.seen)
        if ending is not Ending.LEFT:
            await send({"type": "websocket.close", "code": _CODES[ending], "reason": ending.value})
    finally:
        listening.cancel()


class SocketWire:
    """Writes frames as texts; the server library sees to pings."""

    kind = "websocket"

    def __init__(self, send: Send) -> None:
        self._send = send

    async def show(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "text": frame.text})

    async def close(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "text": frame.text_closed})

    async def comment(self) -> None:
        """Pings do this."""


async def _listen(request: LeanRequest, follower: Follower) -> None:
    """Passes over what the client says, and ends it when it says too much."""
    loop = asyncio.get_running_loop()
    said, since = 0, loop.time()
    while (await request.receive())["type"] != "websocket.disconnect":
        said += 1
        if loop.time() - since > _PER_SECONDS:
            said, since = 1, loop.time()
        if said > _MOST_MESSAGES:
            follower.end(Ending.TALKS)
            return
    follower.end(Ending.LEFT)
