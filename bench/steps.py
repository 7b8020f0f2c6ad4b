"""The steps by which a vote's way got faster, and what is measured of each. Pure."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from bench.targets import Voters

THIS_TREE = "this tree"
WORKS: tuple[tuple[Voters, int], ...] = (("session", 32), ("session", 256), ("account", 256))  # who votes, over how many connections
_REVISION = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Step:
    """A revision, as the list names it, and what it changed, in one line."""

    revision: str
    what: str


def parse_steps(text: str) -> list[Step]:
    """The table `steps` of a TOML text, in its order. Raises `ValueError` for a key that is no hash and for what is not said in one line."""
    listed = tomllib.loads(text).get("steps", {})
    for revision, what in listed.items():
        if not _REVISION.fullmatch(revision):
            raise ValueError(f"{revision} is not the hash of a revision")
        if not isinstance(what, str) or not what.strip() or "\n" in what or "|" in what:
            raise ValueError(f"{revision}: what it changed must be told in one line")
    return [Step(revision, what) for revision, what in listed.items()]
