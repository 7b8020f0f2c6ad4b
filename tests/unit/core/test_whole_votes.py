"""What is read of a whole vote without the HTTP parser: nothing that the parser would refuse, or read otherwise."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.bounded_http import HEADERS
from core.whole_votes import read_whole_vote

ID = b"0192f0c8-0000-7000-8000-0123456789ab"
PATH = b"/api/v1/polls/" + ID + b"/votes"


def vote(*lines: bytes, length: bytes = b"Content-Length: 2", body: bytes = b"{}", first: bytes = b"POST %s HTTP/1.1" % PATH) -> bytes:
    return b"\r\n".join([first, b"Host: localhost", *lines, length, b"", body])


class Parsed:
    """What uvicorn's parser makes of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.keeps_alive, self.begun, self.complete = False, 0, 0
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(data)
        self.method = self._parser.get_method()

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.keeps_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade() and self._parser.get_http_version() == "1.1"

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


def assert_the_parser_agrees(data: bytes) -> None:
    read, parsed = read_whole_vote(data), Parsed(data)  # which raises for what is no HTTP
    assert read is not None
    assert (parsed.begun, parsed.complete, parsed.method, parsed.keeps_alive) == (1, 1, b"POST", True)
    assert (read.path, [*read.headers.items()], read.body) == (parsed.url, parsed.headers, parsed.body)
    assert read.path == b"/api/v1/polls/" + read.poll_id + b"/votes"
    assert Parsed(data + b"GET / HTTP/1.1\r\n").begun == 2, "nothing is left over: what comes next is the next request"


@pytest.mark.parametrize(
    "data",
    [
        vote(),
        vote(b"X-Empty:", b"Blank:  \t before", b"Inside: a \t b", b"Colon: a:b", b"Latin: \xe9\xff\x80", b"!#$%&'*+.^_`|~0Az-: odd"),
        vote(b"Connection: Keep-Alive", b"Keep-Alive: timeout=5"),
        vote(b"COOKIE: a=b; c=d", b"TE: chunked", b"Trailer: x"),
        vote(length=b"content-LENGTH:0000002"),
        vote(length=b"Content-Length: 0", body=b""),
        vote(length=b"Content-Length: 4", body=b"\r\n\r\n"),
        vote(*(b"X-%d: y" % number for number in range(HEADERS - 2))),
    ],
)
def test_ordinary_votes_are_read_as_the_parser_reads_them(data: bytes) -> None:
    assert_the_parser_agrees(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        vote()[:-1],
        vote() + b"x",
        vote() + vote(),
        b"\r\n" + vote(),
        vote(first=b"PUT %s HTTP/1.1" % PATH),
        vote(first=b"post %s HTTP/1.1" % PATH),
        vote(first=b"POST %s HTTP/1.0" % PATH),
        vote(first=b"POST  %s HTTP/1.1" % PATH),
        vote(first=b"POST %s?x HTTP/1.1" % PATH),
        vote(first=b"POST http://localhost%s HTTP/1.1" % PATH),
        vote(first=b"POST %s HTTP/1.1" % PATH.replace(b"v", b"%76")),
        vote(first=b"POST %s HTTP/1.1" % PATH.upper()),
        vote(b"Host: localhost"),
        vote(b"X: 1", b"x: 2"),
        vote(b"Content-Length: 2"),
        vote().replace(b"Host: localhost\r\n", b""),
        vote(b"Connection: close"),
        vote(b"Connection: keep-alive, close"),
        vote(b"Connection: upgrade"),
        vote(b"Connection:"),
        vote(b"Proxy-Connection: close"),
        vote(b"Upgrade: h2c"),
        vote(b"Expect: 100-continue"),
        vote(b"Transfer-Encoding: chunked"),
        vote(b"Transfer-Encoding: identity"),
        vote(b"Blank-after: x "),
        vote(b"Blank-after: x\t"),
        vote(b"Only-blank: "),
        vote(b"Folded: x", b" y"),
        vote(b"Name : x"),
        vote(b": x"),
        vote(b"no colon"),
        vote(b"N\xe4me: x"),
        vote(b"Control: \x01"),
        vote(b"Control: \x7f"),
        vote(b"Bare: a\nb: c"),
        vote(b"Bare: a\rb: c"),
        vote(length=b"Content-Length: 2 "),
        vote(length=b"Content-Length: +2"),
        vote(length=b"Content-Length: -2"),
        vote(length=b"Content-Length: 0x2"),
        vote(length=b"Content-Length: 2, 2"),
        vote(length=b"Content-Length: 00000002"),
        vote(length=b"Content-Length: \xb2"),
        vote(length=b"Content-Length:"),
        vote(length=b"X: 2"),
        vote(length=b"Content-Length: 1"),
        vote(length=b"Content-Length: 3"),
        vote(*(b"X-%d: y" % number for number in range(HEADERS - 1))),
        vote(b"Long: " + b"x" * 16 * 1024),
    ],
)
def test_everything_else_is_for_the_parser(data: bytes) -> None:
    assert read_whole_vote(data) is None


NAMES = st.sampled_from((b"Host", b"Connection", b"Proxy-Connection", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Upgrade", b"Expect", b"X"))
VALUES = st.sampled_from((b"keep-alive", b"close", b"chunked", b"2", b"02", b"h2c", b"100-continue", b"", b" ", b"\t")) | st.binary(max_size=8)
LINE = st.builds(
    b"%s%s%s%s".__mod__,
    st.tuples(
        NAMES | st.binary(max_size=4), st.sampled_from((b":", b": ", b":\t", b" :", b"")), VALUES, st.sampled_from((b"", b"", b"", b" ", b"\t", b"\r\n", b"\n"))
    ),
)


@given(lines=st.lists(LINE, max_size=4), body=st.binary(max_size=6), off=st.sampled_from((0, 0, 0, 0, 1, -1)))
@example(lines=[b"Proxy-Connection: close"], body=b"{}", off=0)
@example(lines=[b"X: y "], body=b"{}", off=0)
@settings(max_examples=400)
def test_whatever_is_taken_for_ordinary_the_parser_reads_the_same(lines: list[bytes], body: bytes, off: int) -> None:
    data = vote(*lines, length=b"Content-Length: %d" % max(0, len(body) + off), body=body)
    if read_whole_vote(data) is not None:
        assert_the_parser_agrees(data)


@given(at=st.integers(0, len(vote(b"X: y"))), taken=st.integers(0, 3), put=st.binary(max_size=3) | st.sampled_from((b"\r\n", b"\r\n\r\n", b": ", b"\r\nX:")))
@settings(max_examples=400)
def test_nor_does_a_slip_anywhere_make_a_difference(at: int, taken: int, put: bytes) -> None:
    whole = vote(b"X: y")
    data = whole[:at] + put + whole[at + taken :]
    assume(data != whole)
    if read_whole_vote(data) is not None:
        assert_the_parser_agrees(data)
