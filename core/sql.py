"""Finds named queries in `.sql` files: each begins with a line `-- name: what_it_does` and a comment of its purpose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HEAD = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def queries(package_dir: Path, file_name: str) -> dict[str, str]:
    """The queries of `package_dir/sql/file_name` by name. Raises `ValueError` when a name stands twice."""
    parts = _HEAD.split((package_dir / "sql" / file_name).read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"{file_name} names {name} twice")
        found[name] = text.strip().rstrip(";")
    return found
