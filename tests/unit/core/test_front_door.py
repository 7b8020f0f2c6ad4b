"""Votes that are turned away unread: which ones, and that they are told the same as the others."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from pytest_django import Settings

from core.errors import Unavailable
from core.front_door import CROWDED, LET_IN, FrontDoor
from core.problems import problem_body

PATH = b"/api/v1/polls/0192f0c8-0000-7000-8000-0123456789ab/votes"
HEADERS = b"Host: example.org\r\nContent-Type: application/json\r\n"


def vote(*, path: bytes = PATH, headers: bytes = HEADERS, body: bytes = b'{"answers": []}', length: int | None = None) -> bytes:
    announced = len(body) if length is None else length
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path, headers, announced, body)


later: list[Callable[[], None]] = []


@pytest.fixture(autouse=True)
def nothing_later() -> None:
    later.clear()


@pytest.fixture
def door() -> FrontDoor:
    door = FrontDoor()
    door.guard(lambda _coming: True, lambda _number: None, later.append)
    return door


def test_the_refusal_is_the_problem_that_everybody_gets(door: FrontDoor) -> None:
    answer = door.judge(vote(), [(b"date", b"today")])
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert first == b"HTTP/1.1 503 Service Unavailable"
    assert orjson.loads(body) == orjson.loads(problem_body(Unavailable(CROWDED), PATH.decode()))
    assert int(headers.pop(b"retry-after")) in {1, 2, 3}
    assert int(headers.pop(b"content-length")) == len(body)
    assert headers.items() >= {(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), (b"date", b"today")}
    assert b"content-security-policy" in headers


@pytest.mark.parametrize(
    "data",
    [
        vote(length=99),
        vote(length=3),
        vote() + vote(),
        vote()[:60],
        vote(path=b"/api/v1/polls"),
        vote(path=PATH + b"/mine"),
        vote(path=PATH + b"?x=1"),
        vote(path=PATH[:-7] + b'"/votes'),
        vote().replace(b"POST", b"PUT"),
        vote().replace(b"HTTP/1.1", b"HTTP/1.0"),
        vote(headers=HEADERS + b"Connection: keep-alive, upgrade\r\n"),
        vote(headers=HEADERS + b"Connection: close\r\n"),
        vote(headers=HEADERS + b"Expect: 100-continue\r\n"),
        vote(headers=HEADERS + b"transfer-encoding: chunked\r\n"),
        vote().replace(b"Content-Length", b"X-Length"),
        vote(headers=HEADERS + b"Content-Length: 15\r\n"),
        vote(headers=HEADERS + b"content-length:\t15\r\n"),
        vote(headers=HEADERS + b"Content-Length: 1\r\n"),
        vote(headers=HEADERS + b"Transfer-Encoding : chunked\r\n"),
        vote(headers=HEADERS + b"X: a\nTransfer-Encoding: chunked\r\n"),
        vote(headers=HEADERS + b"X: a\n\n"),
        vote(headers=HEADERS + b"X: a\rTransfer-Encoding: chunked\r\n"),
        vote(headers=HEADERS + b"X: a\r\n Transfer-Encoding: chunked\r\n"),
        vote(headers=HEADERS + b"Host: example.com\r\n"),
        vote(headers=HEADERS + b"\x0bTransfer-Encoding: chunked\r\n"),
        vote(headers=HEADERS + b"Transfer-Encoding\x00: chunked\r\n"),
        vote(headers=HEADERS + b"foo bar: x\r\n"),
        vote(headers=HEADERS + b"no colon\r\n"),
        vote(headers=HEADERS + b": no name\r\n"),
        vote(headers=HEADERS + b"X: \x00\r\n"),
        vote(headers=HEADERS + b"X: y\r\n" * 100),
        vote(headers=HEADERS + b"X: " + b"y" * 20_000 + b"\r\n"),
        vote(headers=b"Content-Type: application/json\r\n"),
    ],
)
def test_what_is_not_simply_one_whole_vote_takes_the_usual_way(door: FrontDoor, data: bytes) -> None:
    assert door.judge(data, []) is None


def test_over_https_it_says_what_all_answers_say(settings: Settings) -> None:
    settings.HTTPS, settings.SECURE_HSTS_SECONDS = True, 600
    door = FrontDoor()
    door.guard(lambda _coming: True, lambda _number: None, later.append)
    assert b"strict-transport-security: max-age=600\r\n" in (door.judge(vote(), []) or b"")


def test_nobody_is_turned_away_while_there_is_room_or_nobody_votes_here() -> None:
    door = FrontDoor()
    assert door.judge(vote(), []) is None
    door.guard(lambda _coming: False, lambda _number: None, later.append)
    assert door.judge(vote(), []) is LET_IN


def test_every_refusal_is_counted_at_the_latest_when_the_door_is_left() -> None:
    counted: list[int] = []
    door = FrontDoor()
    door.guard(lambda _coming: True, counted.append, later.append)
    for _ in range(250):
        assert door.judge(vote(), []) is not None
    assert sum(counted) == 200
    door.leave_open()
    assert sum(counted) == 250
    assert door.judge(vote(), []) is None


def test_votes_that_were_let_in_but_not_begun_take_up_room(door: FrontDoor) -> None:
    """The loop may read thousands of requests before it begins with the first."""
    room = 3
    door.guard(lambda coming: coming >= room, lambda _number: None, later.append)
    for _ in range(room):
        assert door.judge(vote(), []) is LET_IN
        door.expect()
    assert door.judge(vote(), []) is not LET_IN
    assert len(later) == 1
    later.pop()()  # the turn goes on: they are begun
    assert door.judge(vote(), []) is LET_IN


def test_one_turn_of_the_loop_is_told_from_the_next_though_no_vote_takes_the_long_way(door: FrontDoor) -> None:
    turn = door.present_turn()
    assert door.present_turn() == door.turn == turn
    assert len(later) == 1
    later.pop()()
    assert door.turn != turn
    assert door.present_turn() == door.turn
    assert len(later) == 1


def test_what_is_no_vote_takes_up_no_room(door: FrontDoor) -> None:
    door.guard(lambda coming: coming >= 1, lambda _number: None, later.append)
    assert door.judge(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", []) is None
    assert later == []


def headers_of(answer: bytes | None) -> dict[bytes, bytes]:
    assert answer
    _, *lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return dict(line.split(b": ", 1) for line in lines)


def test_a_browser_on_a_page_of_ours_is_turned_away_as_early(door: FrontDoor) -> None:
    sent = HEADERS + b"Connection: keep-alive\r\nOrigin: https://example.org\r\n"
    assert headers_of(door.judge(vote(headers=sent), [])).keys() == headers_of(door.judge(vote(), [])).keys()


def test_only_an_origin_that_may_read_it_is_told_so(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://one.example", "https://100%.example", "https://例え.example"]
    door = FrontDoor()
    door.guard(lambda _coming: True, lambda _number: None, later.append)
    for origin in (b"https://one.example", b"https://100%.example"):
        headers = headers_of(door.judge(vote(headers=HEADERS + b"Origin: %s\r\n" % origin), []))
        assert headers[b"access-control-allow-origin"] == origin
        assert b"Retry-After" in headers[b"access-control-expose-headers"]
    for origin in (b"https://other.example", b"null"):
        assert b"access-control-allow-origin" not in headers_of(door.judge(vote(headers=HEADERS + b"origin: %s\r\n" % origin), []))
    assert door.judge(vote(headers=HEADERS + b"Origin: https://one.example\r\nOrigin: https://other.example\r\n"), []) is None
