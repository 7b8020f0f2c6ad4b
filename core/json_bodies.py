"""Reads a JSON object out of the bytes of a body. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from core.errors import MalformedBody
from core.nul import refuse_nul

_NUL_ESCAPE = rb"\u0000"  # the only way in which JSON can spell it


def read_json_object(raw: bytes) -> dict[str, Any]:
    """The body as an object. Raises `MalformedBody` for what is not UTF-8, not JSON, not an object or too deep; `ValidationError` where a text has a NUL."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    if _NUL_ESCAPE in raw:
        refuse_nul(value)
    return value
