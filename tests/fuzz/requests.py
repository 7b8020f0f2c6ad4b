"""Requests that no decent client sends, and how to send them past a server's parser, straight to the application."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import strategies as st

# Values that mean something to somebody, so that chance need not find them.
TOKENS = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"http://[",
    b"http://[::1",
    b"null",
    b"*",
    b'"1.1.open"',
    b'W/"',
    b'"999999999.999999999999999999.open"',
    b"1" * 5000,
    b"9" * 18,
    b"-1",
    b"Bearer",
    b"Bearer ",
    b"Bearer a.b.c",
    b"Bearer eyJhbGciOiJub25lIn0.e30.",
    b"bearer \xc3\xa9",
    b"Basic eDp5",
    b'sessionid="\\000\\377abc"',
    b"sessionid=" + b"a" * 32,
    b'nexus_voter="\\000"',
    b"nexus_voter=AQ==",
    b"a=b; ; =; nexus_voter",
    b"application/json",
    b"application/json; charset=\xff",
    b"1, 2",
    b"::1%eth0",
    b"1.2.3.4:99999",
    b"testserver",
    b"TESTSERVER:80",
    b"foe.example",
    b"close",
    b"100-continue",
    b"gzip",
    b"chunked",
    b"\xf0\x9f\x8e\x89",
    b"0",
    b"1e9",
    b"+1",
    b"0x10",
)
NAMES = (
    b"authorization",
    b"cookie",
    b"x-voter-token",
    b"x-voter-code",
    b"idempotency-key",
    b"origin",
    b"host",
    b"content-type",
    b"content-length",
    b"if-none-match",
    b"last-event-id",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-csrftoken",
    b"referer",
    b"accept",
    b"transfer-encoding",
    b"expect",
    b"range",
    b"upgrade",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
JUNK_PATHS = (
    "",
    "/",
    "//",
    "/mine",
    "/results",
    "/votes",
    ".csv",
    "/\0",
    "/\ud800",
    "/%00",
    "/é",
    "/..",
    "/results/stream",
    "/results/ticket",
    "/results/timeline",
    "/votes/mine",
)


@dataclass
class Odd:
    """One request as it is; header names and values are any bytes."""

    method: str
    path: str
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    pieces: int = 1


values = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=60), st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("answers", "question", "choices", "code", "x")) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def as_json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):  # larger than orjson writes, or a lone surrogate: then the bytes are simply odd
        return repr(value).encode("utf-8", "surrogatepass")


def bodies(good: bytes) -> st.SearchStrategy[bytes]:
    """Anything, JSON of any shape, and a good body with a piece replaced."""
    spoilt = st.builds(
        lambda at, length, piece: good[: at % len(good)] + piece + good[at % len(good) + length :],
        st.integers(0, 10_000),
        st.integers(0, 40),
        st.binary(max_size=8) | st.sampled_from((b"null", b"[]", b"{}", b"\\u0000", b'"', b"1e400", b"[" * 120, b"\xed\xa0\x80")),
    )
    return st.one_of(st.binary(max_size=200), json_values.map(as_json), spoilt, st.just(good), st.just(b"[" * 50_000), st.just(b'{"a":' * 3000))


def requests(paths: tuple[str, ...], good: bytes) -> st.SearchStrategy[Odd]:
    named = st.sampled_from(paths)
    queries = st.one_of(
        st.just(b""),
        st.binary(max_size=30),
        st.builds(
            lambda name, value: name + b"=" + value,
            st.sampled_from((b"after", b"ticket", b"bucket", b"cursor", b"page_size", b"state", b"search", b"token")),
            values,
        ),
    )
    return st.builds(
        Odd,
        method=st.sampled_from(METHODS),
        path=st.one_of(named, named, st.builds(str.__add__, named, st.sampled_from(JUNK_PATHS)), st.text(max_size=20).map(lambda text: f"/{text}")),
        query=queries,
        headers=st.builds(list.__add__, st.sampled_from([[], [(b"content-type", b"application/json")], [(b"content-type", b"application/json")]]), headers),
        body=bodies(good),
        pieces=st.integers(1, 3),
    )


async def send(odd: Odd) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of the application's answer; a stream is left at its first event."""
    from core.asgi import application  # noqa: PLC0415  (sets Django up)

    named = {name for name, _ in odd.headers}
    more = [(name, value) for name, value in ((b"host", b"testserver"), (b"content-length", b"%d" % len(odd.body))) if name not in named]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": odd.method,
        "scheme": "http",
        "path": odd.path,
        "raw_path": odd.path.encode("utf-8", "surrogatepass"),
        "query_string": odd.query,
        "root_path": "",
        "headers": [*more, *odd.headers],
        "client": ("192.0.2.1", 50_000),
        "server": ("testserver", 80),
    }
    size = max(1, -(-len(odd.body) // odd.pieces))
    parts = [odd.body[start : start + size] for start in range(0, len(odd.body), size)] or [b""]
    to_come: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]
    to_come[-1]["more_body"] = False
    gone, answer = asyncio.Event(), {"status": 0, "headers": {}, "body": b""}

    async def receive() -> MutableMapping[str, Any]:
        if to_come:
            return to_come.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def reply(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer["status"], answer["headers"] = message["status"], {name.lower(): value for name, value in message["headers"]}
        else:
            answer["body"] = bytes(answer["body"]) + message.get("body", b"")
            if answer["headers"].get(b"content-type", b"").startswith(b"text/event-stream"):
                gone.set()

    async with asyncio.timeout(20):
        await application(scope, receive, reply)
    return answer["status"], answer["headers"], answer["body"]
