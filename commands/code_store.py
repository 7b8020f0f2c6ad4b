"""The one file that reads and writes the table of voter codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from core.dbapi import Cursor
from core.sql import queries

_SQL = queries(Path(__file__).parent, "codes.sql")


class CodeHash(NamedTuple):
    """A code of a poll, as it is kept: the key of the voter that it makes (`commands.voters`)."""

    poll_id: UUID
    code_hash: UUID


def add_codes(cursor: Cursor, poll_id: UUID, hashes: Iterable[UUID]) -> None:
    """Keeps the hashes of fresh codes. In the transaction that holds the poll."""
    cursor.execute(_SQL["add_codes"], (poll_id, _literal(hashes)))


def known_codes(cursor: Cursor, asked: Collection[CodeHash]) -> set[CodeHash]:
    """Those of `asked` that are codes, from one statement."""
    cursor.execute(_SQL["known_codes"], (_literal(one.poll_id for one in asked), _literal(one.code_hash for one in asked)))
    return {CodeHash(*row) for row in cursor.fetchall()}


def _literal(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"
