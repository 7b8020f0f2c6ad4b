"""Whether a system under test does what it is timed at: tried before every timing."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable

from bench.requests import even, vote_requests
from bench.targets import Counted, Poll, Skipped, Target, Voters

VOTES, REPEATED = 200, 20
_SECONDS = 20.0


def check_target(target: Target) -> None:
    """Casts some votes with every kind of voter that the target knows. Raises `Skipped` with what was wrong."""
    for voters in ("session", "account") if target.accounts else ("session",):
        _check_voters(target, "account" if voters == "account" else "session")


def _check_voters(target: Target, voters: Voters) -> None:
    poll = target.open_polls(1, voters=voters, choices=2)[0]
    host = f"{target.place.host}:{target.place.port}"
    requests = list(vote_requests(host, target.votes_path, target.credentials(voters, VOTES), even([poll])))
    if len(requests) != VOTES:
        raise Skipped(f"{target.name}: {len(requests)} {voters} voters instead of {VOTES}")
    first = statuses(target, requests)
    if bad := [status for status in first if not 200 <= status < 300]:
        raise Skipped(f"{target.name}: {len(bad)} of {VOTES} votes of {voters} voters were refused, the first with {bad[0]}")
    again = statuses(target, requests[:REPEATED])
    if target.refuses_repeats and (taken := [status for status in again if not 400 <= status < 500]):
        raise Skipped(f"{target.name}: {len(taken)} of {REPEATED} repeated votes of {voters} voters were not refused (status {taken[0]})")
    wanted = VOTES + REPEATED if target.counts_repeats else VOTES
    counted = _settled(target, poll, wanted)
    if counted != Counted(durable=wanted, tallied=wanted):
        raise Skipped(f"{target.name}: of {wanted} votes of {voters} voters {counted.durable} are in the database and {counted.tallied} in the results")


def _settled(target: Target, poll: Poll, wanted: int) -> Counted:
    deadline = time.monotonic() + _SECONDS
    while True:
        counted = target.counted([poll])
        if counted == Counted(durable=wanted, tallied=wanted) or time.monotonic() > deadline:
            return counted
        time.sleep(0.05)


def statuses(target: Target, requests: Iterable[bytes]) -> list[int]:
    """The status of the answer to each request, sent one after the other."""
    connection = http.client.HTTPConnection(target.place.host, target.place.port, timeout=10)
    connection.connect()
    found = []
    try:
        for request in requests:
            connection.sock.sendall(request)
            answer = http.client.HTTPResponse(connection.sock, method="POST")
            answer.begin()
            answer.read()
            found.append(answer.status)
    finally:
        connection.close()
    return found
