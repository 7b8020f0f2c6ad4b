"""The requests are whole, the voters differ, the polls follow the law that was asked for."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from uuid import uuid4

import orjson
import pytest

from bench.openloop import content_length
from bench.requests import SEPARATOR, even, mixed, read_request, vote_requests, with_repeats, zipf
from bench.targets import Poll

PATH = "/api/v1/polls/{poll}/votes"


def polls(count: int) -> list[Poll]:
    return [Poll(uuid4(), uuid4(), (uuid4(), uuid4())) for _ in range(count)]


def voters(count: int) -> list[bytes]:
    return [b"X-Voter-Token: %d\r\n" % number for number in range(count)]


def test_a_vote_is_a_whole_request_by_its_voter() -> None:
    poll = polls(1)[0]
    (request,) = vote_requests("host:1", PATH, voters(1), [poll])
    head, body = request.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    assert lines[0] == f"POST /api/v1/polls/{poll.id}/votes HTTP/1.1".encode()
    assert b"X-Voter-Token: 0" in lines
    assert content_length(head) == len(body)
    answers = orjson.loads(body)["answers"]
    assert answers[0]["question"] == str(poll.question)
    assert answers[0]["choices"][0] in {str(choice) for choice in poll.choices}


def test_every_voter_votes_once_and_the_separator_occurs_in_no_request() -> None:
    requests = list(vote_requests("host:1", PATH, voters(50), even(polls(3))))
    assert len(set(requests)) == 50
    assert not any(SEPARATOR in request for request in requests)


def test_even_means_in_turn() -> None:
    three = polls(3)
    assert list(islice(even(three), 4)) == [*three, three[0]]


def test_zipf_draws_the_first_twice_as_often_as_the_second() -> None:
    hundred = polls(100)
    drawn = Counter(poll.id for poll in islice(zipf(hundred), 50_000))
    assert drawn[hundred[0].id] / drawn[hundred[1].id] == pytest.approx(2, rel=0.1)
    assert drawn[hundred[0].id] / drawn[hundred[9].id] == pytest.approx(10, rel=0.2)


def test_a_tenth_of_what_is_sent_was_sent_before() -> None:
    sent = list(with_repeats((b"%d" % n for n in range(20_000)), 0.1))
    assert (len(sent) - len(set(sent))) / len(sent) == pytest.approx(0.1, abs=0.01)


def test_reads_stand_between_the_votes() -> None:
    assert list(mixed([b"v1", b"v2"], [b"r"], reads_per_vote=2)) == [b"v1", b"r", b"r", b"v2", b"r", b"r"]


def test_a_read_that_knows_a_version_says_so() -> None:
    assert b'If-None-Match: "7"\r\n' in read_request("host:1", "/x", etag='"7"')
    assert b"If-None-Match" not in read_request("host:1", "/x")


def test_an_answer_without_a_length_is_refused() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 42") == 42
    with pytest.raises(ValueError, match="Content-Length"):
        content_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked")
