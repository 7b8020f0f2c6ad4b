"""What can be read as the body of a request."""

from __future__ import annotations

import orjson
import pytest

from core.errors import MalformedBody
from core.json_bodies import DEPTH, read_json_object


def nested(depth: int) -> bytes:
    """An object with lists in it, `depth` levels in all."""
    return b'{"x": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("depth", [DEPTH + 1, 254, 1023, 1024, 100_000])
def test_what_is_nested_too_deeply_is_malformed(depth: int) -> None:
    with pytest.raises(MalformedBody):
        read_json_object(nested(depth))


def test_what_is_read_can_be_written_again() -> None:
    assert orjson.dumps(read_json_object(nested(DEPTH)))


def test_width_and_brackets_in_texts_are_no_depth() -> None:
    wide = {"answers": [{"choices": ["[" * 1000]}] * 1000}
    assert read_json_object(orjson.dumps(wide)) == wide
