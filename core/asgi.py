"""The one ASGI application: the hot paths and the operators' pages go to lean handlers, everything else to Django."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
django.setup(set_prefix=False)

from commands import intake  # noqa: E402
from core import garbage  # noqa: E402
from core.answer_headers import Answering  # noqa: E402
from core.django_threads import DjangoThreads  # noqa: E402
from core.errors import BadRequest, NexusError, NotFound, PermissionDenied  # noqa: E402
from core.hosts import check_host, refusal_page  # noqa: E402
from core.hot_settings import hot  # noqa: E402
from core.https import hsts_headers, is_secure, redirect_to_https  # noqa: E402
from core.lean import ClientGone, LeanRequest, Receive, Scope, Send, answer  # noqa: E402
from core.operations import OPERATIONS  # noqa: E402
from core.origins import check_origin  # noqa: E402
from core.parsers import BODY_LIMIT  # noqa: E402
from core.problems import lean_problem, problem_headers, problem_of  # noqa: E402
from core.redis import close_async_redis  # noqa: E402
from core.room import Room  # noqa: E402
from projections import feed, results_endpoint, sockets, streams, ticket_endpoint, timeline_endpoint  # noqa: E402
from projections.exports import endpoint as exports  # noqa: E402
from projections.exports import reports  # noqa: E402

Handler = Callable[[LeanRequest, Send], Awaitable[None]]

log = logging.getLogger(__name__)
_django = get_asgi_application()
_places_of: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Room, DjangoThreads]] = WeakKeyDictionary()
_WAITING_PER_PLACE = 10
_PATIENCE_SECONDS = 5.0
_PATH = re.compile(r"/api/v1/polls/([^/]+)/(votes|votes/mine|results|results/stream|results/ticket|results/timeline|results\.csv|results\.json|results\.pdf)")
_FORM_LIMIT = 4 * 1024 * 1024  # bytes; of a form that has fields for its every choice, most is markup around them
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
        await _http(scope, receive, send)
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


async def _django_page(request: LeanRequest, send: Send) -> None:
    await _bounded_django(request, send, limit=_FORM_LIMIT)


async def _django_api(request: LeanRequest, send: Send) -> None:
    await _bounded_django(request, send, limit=BODY_LIMIT)


async def _bounded_django(request: LeanRequest, send: Send, *, limit: int) -> None:
    """Django writes a body to disk, however large, before anybody can refuse it; so it is read here, within its bound in bytes and time."""
    body = await request.body(limit=limit)
    rest = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        return next(rest, None) or await request.receive()

    room, threads = _places()
    async with room, threads.one():
        try:
            await _django(request.scope, receive, send)  # type: ignore[arg-type]  # its stubs want a dict; it reads any mapping
        finally:
            garbage.after_django()


def _places() -> tuple[Room, DjangoThreads]:
    """How many requests Django may work on at once, and what they take: a thread each, with a connection to PostgreSQL."""
    loop = asyncio.get_running_loop()
    if loop not in _places_of:
        most = settings.WEB_REQUESTS_LIMIT
        _places_of[loop] = Room(most=most, most_waiting=_WAITING_PER_PLACE * most, wait_seconds=_PATIENCE_SECONDS), DjangoThreads()
    return _places_of[loop]


async def _http(scope: Scope, receive: Receive, send: Send) -> None:
    https = hot.HTTPS
    if (https or hot.TRUSTED_PROXIES) and is_secure(scope):
        scope = {**scope, "scheme": "https"}
    path: str = scope["path"]
    handler = _lean_handler(path) or (_django_api if path.startswith("/api/") else _django_page)
    page, in_the_clear = handler is _django_page, https and scope["scheme"] != "https"
    send = Answering(send, page=page, more=hsts_headers() if https and not in_the_clear else ())
    request = LeanRequest.of(scope, receive)
    try:
        if path not in OPERATIONS:  # probes come by bare address, from inside
            check_host(scope)
            if in_the_clear:
                await redirect_to_https(scope, send)
                return
        if not scope["query_string"].isascii():
            raise BadRequest("The query must be percent-encoded.")  # Django cannot read any other
        if b"%00" in scope["query_string"] and request.path.startswith("/api/"):
            raise BadRequest("The query may not contain the character NUL.")
        await handler(request, send)
    except ClientGone:
        return
    except Exception as error:  # noqa: BLE001  (the last place that can answer)
        await (_refuse_page if page else _problem)(request, send, problem_of(error))


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves the one kind of WebSocket there is; every other is refused, before it is accepted."""
    await receive()  # "websocket.connect"
    request = LeanRequest.of({**scope, "method": "GET"}, receive)
    found = _SOCKET_PATH.fullmatch(request.path)
    try:
        check_host(scope)
        if settings.HTTPS and not is_secure(scope):
            raise PermissionDenied("Here WebSockets are opened by wss://.")
        if found is None:
            raise NotFound
        await sockets.handle_socket(request, send, found[1])
    except Exception as error:  # noqa: BLE001  (the last place that can answer)
        await _refuse_socket(request, send, problem_of(error))


async def _refuse_socket(request: LeanRequest, send: Send, error: NexusError) -> None:
    if "websocket.http.response" not in request.scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})  # servers make it a 403
        return

    async def send_instead(message: MutableMapping[str, Any]) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await lean_problem(Answering(send_instead, page=False), PermissionDenied(error.detail) if error.status == 401 else error, request.path)


async def _problem(request: LeanRequest, send: Send, error: NexusError) -> None:
    with contextlib.suppress(NexusError):  # a foreign origin learns nothing more
        error = error.with_headers(check_origin(request))
    await lean_problem(send, error, request.path, head=request.method == "HEAD")


async def _refuse_page(request: LeanRequest, send: Send, error: NexusError) -> None:
    """What a person is told where Django is not asked, or could not answer."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem_headers(error).items() if name != "Content-Type"]
    await answer(send, error.status, [(b"content-type", b"text/html; charset=utf-8"), *headers], refusal_page(error), head=request.method == "HEAD")


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
            _places()[1].close()
            await close_async_redis()
            await send({"type": "lifespan.shutdown.complete"})
            return
