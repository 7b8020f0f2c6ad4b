"""Reads the request of a vote that came in one piece, as ordinary clients send it: line, headers, body and nothing else. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

VOTE = re.compile(rb"POST (/api/v1/polls/([0-9a-f-]{36})/votes) HTTP/1\.1\r\n")
# Nothing but header lines as RFC 9112 wants them: what a parser might refuse, or another read otherwise than ours, is not ordinary.
_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n){1,100}\r\n")
_UNUSUAL = frozenset({b"expect", b"proxy-connection", b"transfer-encoding", b"upgrade"})  # llhttp takes the second for `connection`
_HEAD_BYTES = 16 * 1024  # longer ones are for the parser, which has a bound of its own
_LONGEST_LENGTH = 7  # digits


class WholeVote(NamedTuple):
    """Header names are in lower case, each there once; the values without the blanks before them."""

    path: bytes
    poll_id: bytes
    headers: dict[bytes, bytes]
    body: bytes


def read_whole_vote(data: bytes) -> WholeVote | None:
    """The vote, when `data` is exactly one, on a connection that goes on after it; None for everything else, which the HTTP parser reads."""
    vote = VOTE.match(data)
    lines = None if vote is None else _LINES.match(data, vote.end(), _HEAD_BYTES)
    if vote is None or lines is None:
        return None
    start, end = vote.end(), lines.end()
    if data.find(b" \r\n", start, end) >= 0 or data.find(b"\t\r\n", start, end) >= 0:  # the parser leaves blanks at the end of a value where they are
        return None
    headers: dict[bytes, bytes] = {}
    rows = data[start : end - 4].split(b"\r\n")
    for row in rows:
        name, _, value = row.partition(b":")
        headers[name.lower()] = value.lstrip(b" \t")
    if len(headers) != len(rows) or b"host" not in headers or not _UNUSUAL.isdisjoint(headers):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    length = headers.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _LONGEST_LENGTH or int(length) != len(data) - end:
        return None
    return WholeVote(vote[1], vote[2], headers, data[end:])
