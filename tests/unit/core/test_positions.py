"""Position tokens: opaque, authenticated, the same for the same position."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from core.positions import Position, open_position, seal_position

POSITIONS = st.builds(Position, st.uuids(), st.integers(0, 2**31), st.integers(0, 2**63), st.integers(0, 2**62))


@given(position=POSITIONS)
def test_a_position_comes_back_and_says_nothing_about_itself(position: Position) -> None:
    token = seal_position(position)
    assert open_position(token) == position
    assert seal_position(position) == token
    following = seal_position(position._replace(id=position.id + 1))
    assert sum(one == other for one, other in zip(token, following, strict=True)) < len(token) // 2


@given(text=st.text() | st.binary().map(lambda raw: raw.hex()))
def test_anything_else_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest):
        open_position(text)


def test_a_truncated_token_is_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        open_position(seal_position(Position(uuid.uuid4(), 1, 2, 3))[:-1])
