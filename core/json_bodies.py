"""Reads a JSON object out of the bytes of a body. Pure."""

from __future__ import annotations

import re
from typing import Any

import orjson

from core.errors import MalformedBody
from core.nul import refuse_nul

_NUL_ESCAPE = rb"\u0000"  # the only way in which JSON can spell it
_MOST_DEPTH = 100  # levels; nothing of ours has more than five, and what is read must be writable again
_BRACKETS = re.compile(rb"[][{}]")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


def read_json_object(raw: bytes) -> dict[str, Any]:
    """The body as an object. Raises `MalformedBody` for what is not UTF-8, not JSON, not an object or too deep; `ValidationError` where a text has a NUL."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    if _is_too_deep(raw):
        raise MalformedBody(f"The body is nested more than {_MOST_DEPTH} levels deep.")
    if not isinstance(value, dict):
        raise MalformedBody("The body must be a JSON object.")
    if _NUL_ESCAPE in raw:
        refuse_nul(value)
    return value


def _is_too_deep(raw: bytes) -> bool:
    """Whether valid JSON is nested too deep. Only bodies with very many brackets are looked at closely."""
    if raw.count(b"[") + raw.count(b"{") <= _MOST_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_TEXT.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > _MOST_DEPTH:
            return True
    return False
