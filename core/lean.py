"""Requests and answers of the lean ASGI handlers: just enough HTTP, no framework."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from core.answer_headers import send_whole
from core.errors import BadRequest, BodyTooLarge, UnsupportedMediaType
from core.json_bodies import read_json_object

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


BODY_SECONDS = 20.0
_LONGEST_LENGTH = 19  # digits


class ClientGone(Exception):
    """The client closed the connection before its request was whole; there is nobody to answer."""


@dataclass(slots=True)
class LeanRequest:
    """One HTTP request. Header names are lower case; of a repeated header the last one counts, cookies are joined."""

    scope: Scope
    receive: Receive
    headers: dict[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> LeanRequest:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b"; " + value if name == b"cookie" and name in headers else value
        return cls(scope, receive, headers)

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def cookie(self, name: str) -> str | None:
        raw = self.headers.get(b"cookie")
        if raw is None or name.encode() not in raw:
            return None
        for pair in raw.decode("latin-1").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                try:
                    return SimpleCookie(f"{name}={value}")[name].value
                except (CookieError, KeyError):
                    return value
        return None

    def parameters(self, name: str) -> list[str]:
        """The query's values of `name`. Raises `BadRequest` when the query is not UTF-8."""
        try:
            return parse_qs(self.scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50).get(name, [])
        except ValueError as error:
            raise BadRequest("The query string cannot be read.") from error

    async def json_object(self, *, limit: int) -> dict[str, Any]:
        """The body as a JSON object of at most `limit` bytes. Raises 415, 413 or 400 (a NUL too) in this order, `ClientGone` when it ends early."""
        self.require_json()
        return read_json_object(await self.body(limit=limit))

    def require_json(self) -> None:
        """Raises `UnsupportedMediaType` where the headers announce anything else."""
        media_type = self.headers.get(b"content-type", b"")
        if media_type != b"application/json" and media_type.split(b";", 1)[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType

    async def body(self, *, limit: int) -> bytes:
        """The whole body. Raises `BodyTooLarge`, `ClientGone`, and `BadRequest` when it has not arrived within a generous while."""
        if getattr(getattr(self.receive, "__self__", None), "more_body", True) is False:  # it is all there: nothing to wait for
            return await self._body(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._body(limit)
        except TimeoutError as error:
            raise BadRequest("The body did not arrive in time.", headers={"Connection": "close"}) from error

    async def _body(self, limit: int) -> bytes:
        announced = self.headers.get(b"content-length", b"0")
        if announced.isdigit() and (len(announced) > _LONGEST_LENGTH or int(announced) > limit):
            raise BodyTooLarge(f"The body may have {limit} bytes at most.")
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    break
            body = b"".join(parts)
        if len(body) > limit:
            raise BodyTooLarge(f"The body may have {limit} bytes at most.")
        return body


JSON_TYPE = (b"content-type", b"application/json")


async def answer(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"", *, head: bool = False) -> None:
    """Sends a whole answer; for HEAD the same headers without the body."""
    listed = [*headers]
    if status not in {204, 304}:
        listed.append((b"content-length", b"%d" % len(body)))
    await send_whole(send, status, listed, b"" if head else body)
