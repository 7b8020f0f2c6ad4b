"""Reads a JSON object out of the bytes of a body. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from core.errors import MalformedBody
from core.nul import refuse_nul

DEPTH = 100  # objects and lists within each other; what can be read deeper cannot always be written again
_NUL_ESCAPE = rb"\u0000"  # the only way in which JSON can spell it


def read_json_object(raw: bytes) -> dict[str, Any]:
    """The body as an object. Raises `MalformedBody` for what is not UTF-8, not JSON, not an object or too deep; `ValidationError` where a text has a NUL."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    if raw.count(b"[") + raw.count(b"{") > DEPTH:  # fewer cannot be deeper
        _refuse_depth(value)
    if _NUL_ESCAPE in raw:
        refuse_nul(value)
    return value


def _refuse_depth(value: object) -> None:
    level: list[Any] = [value]
    for _ in range(DEPTH):
        level = [inner for part in level for inner in (part.values() if isinstance(part, dict) else part) if isinstance(inner, dict | list)]
        if not level:
            return
    raise MalformedBody(f"The body is nested too deeply; {DEPTH} levels will do.")
