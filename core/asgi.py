"""The one ASGI application: the hot paths and the operators' pages go to lean handlers, everything else to Django."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
django.setup(set_prefix=False)

from commands import intake  # noqa: E402
from core.errors import BadRequest, NexusError, NotFound, PermissionDenied  # noqa: E402
from core.https import is_secure, must_redirect, redirect_to_https, with_hsts  # noqa: E402
from core.lean import ClientGone, LeanRequest, Receive, Scope, Send  # noqa: E402
from core.operations import OPERATIONS  # noqa: E402
from core.origins import check_origin  # noqa: E402
from core.parsers import BODY_LIMIT  # noqa: E402
from core.problems import lean_problem, problem_of  # noqa: E402
from core.redis import close_async_redis  # noqa: E402
from projections import feed, results_endpoint, sockets, streams, ticket_endpoint, timeline_endpoint  # noqa: E402
from projections.exports import endpoint as exports  # noqa: E402
from projections.exports import reports  # noqa: E402

Handler = Callable[[LeanRequest, Send], Awaitable[None]]

log = logging.getLogger(__name__)
_django = get_asgi_application()
_PATH = re.compile(r"/api/v1/polls/([^/]+)/(votes|votes/mine|results|results/stream|results/ticket|results/timeline|results\.csv|results\.json|results\.pdf)")
_SOCKET_PATH = re.compile(r"/ws/v1/polls/([^/]+)/results")
_HANDLERS: dict[str, Callable[[LeanRequest, Send, str], Awaitable[None]]] = {
    "votes": intake.handle_votes,
    "votes/mine": intake.handle_my_vote,
    "results": results_endpoint.handle_results,
    "results/stream": streams.handle_stream,
    "results/ticket": ticket_endpoint.handle_ticket,
    "results/timeline": timeline_endpoint.handle_timeline,
    "results.csv": exports.handle_csv,
    "results.json": exports.handle_json,
    "results.pdf": exports.handle_pdf,
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves HTTP; starts and stops with the server what this process keeps running."""
    kind = scope["type"]
    if kind == "http":
        if (settings.HTTPS or settings.TRUSTED_PROXIES) and is_secure(scope):
            scope = {**scope, "scheme": "https"}
        if settings.HTTPS:
            if scope["scheme"] == "https":
                send = with_hsts(send)
            elif must_redirect(scope):
                await redirect_to_https(scope, send)
                return
        handler = _lean_handler(scope["path"])
        if handler is None:
            handler = _bounded_django if scope["path"].startswith("/api/") else _plain_django
        await _lean(scope, receive, send, handler)
    elif kind == "lifespan":
        await _lifespan(receive, send)
    elif kind == "websocket":
        await _websocket(scope, receive, send)


def _lean_handler(path: str) -> Handler | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return OPERATIONS.get(path)
    handler, poll_id = _HANDLERS[found[2]], found[1]
    return lambda request, send: handler(request, send, poll_id)


async def _plain_django(request: LeanRequest, send: Send) -> None:
    await _django(request.scope, request.receive, send)  # type: ignore[arg-type]  # its stubs want a dict; it reads any mapping


async def _bounded_django(request: LeanRequest, send: Send) -> None:
    """Django writes a body to disk, however large, before anybody can refuse it; so this one is read here, within its bound."""
    body = await request.body(limit=BODY_LIMIT)
    rest = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        return next(rest, None) or await request.receive()

    await _django(request.scope, receive, send)  # type: ignore[arg-type]


async def _lean(scope: Scope, receive: Receive, send: Send, handler: Handler) -> None:
    request = LeanRequest.of(scope, receive)
    try:
        if b"%00" in scope["query_string"] and request.path.startswith("/api/"):
            raise BadRequest("The query may not contain the character NUL.")
        await handler(request, send)
    except ClientGone:
        return
    except NexusError as error:
        await _problem(request, send, error)
    except Exception as error:  # noqa: BLE001  (the last place that can answer)
        await _problem(request, send, problem_of(error))


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves the one kind of WebSocket there is; every other is refused, before it is accepted."""
    await receive()  # "websocket.connect"
    request = LeanRequest.of({**scope, "method": "GET"}, receive)
    found = _SOCKET_PATH.fullmatch(request.path)
    try:
        if settings.HTTPS and not is_secure(scope):
            raise PermissionDenied("Here WebSockets are opened by wss://.")
        if found is None:
            raise NotFound
        await sockets.handle_socket(request, send, found[1])
    except NexusError as error:
        await _refuse_socket(request, send, error)
    except Exception as error:  # noqa: BLE001  (the last place that can answer)
        await _refuse_socket(request, send, problem_of(error))


async def _refuse_socket(request: LeanRequest, send: Send, error: NexusError) -> None:
    if "websocket.http.response" not in request.scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})  # servers make it a 403
        return

    async def send_instead(message: MutableMapping[str, Any]) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await lean_problem(send_instead, PermissionDenied(error.detail) if error.status == 401 else error, request.path)


async def _problem(request: LeanRequest, send: Send, error: NexusError) -> None:
    with contextlib.suppress(NexusError):  # a foreign origin learns nothing more
        error = error.with_headers(check_origin(request))
    await lean_problem(send, error, request.path, head=request.method == "HEAD")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await intake.startup()
                await feed.startup()
            except Exception as error:
                log.exception("the server could not start")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await reports.shutdown()
            await feed.shutdown()
            await intake.shutdown()
            await close_async_redis()
            await send({"type": "lifespan.shutdown.complete"})
            return
