"""An application for tests of the web server: says who it is, sleeps on demand, dies on demand."""

from __future__ import annotations

import asyncio
import os
from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        if os.environ.get("TINY_FAILS"):
            await send({"type": "lifespan.startup.failed", "message": "no good"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    if scope["path"] == "/die":
        os._exit(9)
    body = f"{os.getpid()} {scope['client'][0]}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
