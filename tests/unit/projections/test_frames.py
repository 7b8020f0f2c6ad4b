"""Events of results: how they are framed, which ids name a version, which frame follows which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from projections.frames import Frame, seen_version, socket_text, sse_event
from projections.prepared import prepare
from tests.unit.projections.documents import make_document

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_event_has_its_name_its_id_its_data_and_an_empty_line() -> None:
    assert sse_event("results", 812, b'{"a":1}') == b'event: results\nid: 812\ndata: {"a":1}\n\n'


@pytest.mark.parametrize("data", [b"one\ntwo", b"one\rtwo", b"one\r\ntwo"])
def test_every_line_of_the_data_is_a_field_of_its_own(data: bytes) -> None:
    assert sse_event("results", 1, data) == b"event: results\nid: 1\ndata: one\ndata: two\n\n"


def test_line_ends_at_the_end_and_empty_data_are_kept() -> None:
    assert sse_event("results", 1, b"one\n").count(b"data: ") == 2
    assert b"data: \n" in sse_event("results", 1, b"")


def test_a_socket_text_holds_the_object_itself() -> None:
    assert orjson.loads(socket_text("closed", 7, '{"title":"Überall ☕"}'.encode())) == {"event": "closed", "id": 7, "data": {"title": "Überall ☕"}}


def test_a_frame_says_what_get_answers_byte_for_byte() -> None:
    doc = make_document(version=5, title="line\u2028separator\nand newline")
    frame = Frame(doc, prepare(doc, NOW, vary_by_origin=False))
    body = doc.body(doc.state(NOW))
    assert frame.sse == b"event: results\nid: 5\ndata: " + body + b"\n\n"
    assert frame.sse_closed == b"event: closed\nid: 5\ndata: " + body + b"\n\n"
    assert orjson.loads(frame.text)["data"] == orjson.loads(body)
    assert frame.sse is frame.sse, "encoded once"


@pytest.mark.parametrize(("event_id", "version"), [("812", 812), ("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_an_id_of_ours_names_a_version(event_id: str, version: int) -> None:
    assert seen_version(event_id) == version


@pytest.mark.parametrize("event_id", [None, "", " ", "-1", "1.5", "1e3", "x", "1 2", "٣", "9" * 19, "1\n"])
def test_what_we_never_gave_out_names_none(event_id: str | None) -> None:
    assert seen_version(event_id) is None


def test_a_later_version_follows_and_an_earlier_never() -> None:
    early, late, lifted = (framed(version=version, epoch=epoch) for version, epoch in ((1, 1), (2, 1), (1, 2)))
    assert late.follows(early)
    assert not early.follows(late)
    assert not early.follows(early)
    assert lifted.follows(late)


def test_of_one_version_the_later_state_follows_and_never_the_other_way() -> None:
    times = {"opens_at": NOW, "closes_at": NOW + MINUTE}
    scheduled, open_now, closed = (framed(at=moment, **times) for moment in (NOW - MINUTE, NOW, NOW + MINUTE))
    assert [frame.prepared.state for frame in (scheduled, open_now, closed)] == ["scheduled", "open", "closed"]
    assert open_now.follows(scheduled)
    assert closed.follows(open_now)
    assert closed.follows(scheduled)
    assert not scheduled.follows(open_now)
    assert not open_now.follows(closed)


def framed(*, at: datetime = NOW, **fields: object) -> Frame:
    doc = make_document(**fields)
    return Frame(doc, prepare(doc, at, vary_by_origin=False))
