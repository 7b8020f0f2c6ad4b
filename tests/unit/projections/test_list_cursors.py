"""A list's cursor is a token that comes back as it went out, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from projections.list_cursors import ListCursor, open_cursor

MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (hypothesis adds the zone)


@given(moment=MOMENTS, poll_id=st.uuids(), backward=st.booleans())
def test_comes_back_as_it_went_out(*, moment: datetime, poll_id: UUID, backward: bool) -> None:
    cursor = ListCursor(moment, poll_id, backward=backward)
    assert open_cursor(cursor.seal()) == cursor


@given(st.text() | st.binary(min_size=25, max_size=25).map(lambda raw: raw.hex()))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(BadRequest):
        open_cursor(token)


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(BadRequest):
        open_cursor("bn" + "_" * 9 + "A" * 23)
