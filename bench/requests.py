"""The bytes of the requests that everybody is asked to answer. Pure."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

from bench.targets import Poll

SEPARATOR = b"\x01"  # between requests in a file; occurs in none of them


def vote_request(host: str, path: str, credentials: bytes, poll: Poll, choice: int) -> bytes:
    """A vote by whoever the header lines `credentials` name, for the choice of that number."""
    body = b'{"answers":[{"question":"%b","choices":["%b"]}]}' % (str(poll.question).encode(), str(poll.choices[choice]).encode())
    return b"".join(
        (
            b"POST ", path.format(poll=poll.id).encode(), b" HTTP/1.1\r\nHost: ", host.encode(), b"\r\nContent-Type: application/json\r\nContent-Length: ",
            str(len(body)).encode(), b"\r\n", credentials, b"\r\n", body,
        )
    )  # fmt: skip


def read_request(host: str, path: str, *, etag: str | None = None) -> bytes:
    """A read; with `etag` one that wants to know only whether something is new."""
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{condition}\r\n".encode()


def vote_requests(host: str, path: str, credentials: Iterable[bytes], polls: Iterable[Poll], *, seed: int = 1) -> Iterator[bytes]:
    """One vote by each voter in the poll that stands beside it; choices are drawn evenly, the same ones for the same seed."""
    draw = random.Random(seed)  # noqa: S311  (no secret)
    heads: dict[int, list[bytes]] = {}
    marker = b"\x00credentials\x00"
    for voter, poll in zip(credentials, polls, strict=False):
        known = heads.get(id(poll))
        if known is None:
            known = [vote_request(host, path, marker, poll, choice) for choice in range(len(poll.choices))]
            heads[id(poll)] = known
        yield known[draw.randrange(len(known))].replace(marker, voter)


def even(polls: Sequence[Poll]) -> Iterator[Poll]:
    """The polls in turn, again and again."""
    return itertools.cycle(polls)


def zipf(polls: Sequence[Poll], *, exponent: float = 1.0, seed: int = 1) -> Iterator[Poll]:
    """Polls by Zipf's law, for ever: the n-th is drawn in proportion to 1 ÷ n^exponent."""
    bounds = list(itertools.accumulate(1 / (rank**exponent) for rank in range(1, len(polls) + 1)))
    draw = random.Random(seed)  # noqa: S311
    while True:
        yield polls[bisect.bisect_left(bounds, draw.random() * bounds[-1])]


def with_repeats(requests: Iterable[bytes], share: float, *, seed: int = 1) -> Iterator[bytes]:
    """The requests, after which in so many cases (0 to 1 of all that are sent) comes one that was sent before."""
    draw = random.Random(seed)  # noqa: S311
    sent: list[bytes] = []
    for request in requests:
        yield request
        if len(sent) < 5_000:
            sent.append(request)
        else:
            sent[draw.randrange(len(sent))] = request
        if draw.random() < share / (1 - share):
            yield sent[draw.randrange(len(sent))]


def mixed(votes: Iterable[bytes], reads: Sequence[bytes], *, reads_per_vote: int) -> Iterator[bytes]:
    """Votes, each followed by so many reads."""
    turn = itertools.cycle(reads)
    for vote in votes:
        yield vote
        yield from itertools.islice(turn, reads_per_vote)
