"""The one file that writes votes: a group as one statement, and the look-up of what did not return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg2.extras import register_uuid

from commands.ballots import Entry, Finding, LogRequest
from commands.rules import PollRules, QuestionRules
from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

_SQL = queries(Path(__file__).parent, "vote_log.sql")
_APPEND = "EXECUTE append_votes(%s, %s, %s, %s, %s, %s, %s, %s)"
_APPEND_FIRST = "EXECUTE append_votes_first(%s, %s, %s, %s, %s, %s, %s, %s)"
_LOOK_UP = "EXECUTE look_up(%s, %s, %s)"
register_uuid()  # type: ignore[no-untyped-call]


def prepare(connection: Connection) -> None:
    """Prepares our statements on a fresh connection. Their plans are made once: planning over all partitions would cost more than the work.

    And so they may be made while the log is empty, when reading all of it seems cheapest, and be kept for the first minutes of a poll.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        for name in ("append_votes", "append_votes_first"):
            cursor.execute(_SQL[name].replace("/* judged */", _SQL["judged"]))
        cursor.execute(_SQL["look_up"])


def append_votes(cursor: Cursor, requests: Sequence[LogRequest], *, first: bool = False) -> dict[UUID, Entry]:
    """Writes a group in one transaction (the connection is in autocommit mode) and returns what was written, by receipt.

    At most one request per (poll, voter) may be in the group. Requests that are missing from the answer were not written: see `look_up`.
    `first`: writes those only who never voted in their poll before, and in less time.
    """
    ops, polls, voters, choices, versions, receipts, keys, digests = zip(*requests, strict=True)
    by_text = {receipt.hex: receipt for receipt in receipts}
    columns = (
        ops,
        [poll.hex for poll in polls],
        [voter.hex for voter in voters],
        map('"{}"'.format, choices),
        map(str, versions),
        by_text,
        [key.hex for key in keys],
        [digest.hex for digest in digests],
    )
    cursor.execute(_APPEND_FIRST if first else _APPEND, [_literal(column) for column in columns])
    written = cursor.fetchall()
    if not written:
        return {}
    _, _, epoch, xid, at = written[0]  # one transaction wrote them all, at one time
    number, cast_at = int(xid), datetime.fromisoformat(at)
    return {(receipt := by_text[text]): Entry(receipt, epoch, number, row, cast_at) for text, row, *_ in written}


def look_up(cursor: Cursor, keys: Sequence[tuple[UUID, UUID, UUID]]) -> list[Finding]:
    """What the log and the polls say of each `(poll_id, voter_key, request_key)`, in order, from one statement."""
    cursor.execute(_LOOK_UP, tuple(_literal(str(key[column]) for key in keys) for column in range(3)))
    found: list[Finding | None] = [None] * len(keys)
    for row in cursor.fetchall():
        found[row[0]] = _finding(row)
    return [finding for finding in found if finding is not None]


def read_rules(cursor: Cursor, poll_ids: Iterable[UUID]) -> dict[UUID, PollRules]:
    """The rules of those of the polls that exist."""
    cursor.execute(_SQL["poll_rules"], (list(poll_ids),))
    return {row[0]: _rules(row) for row in cursor.fetchall()}


def _finding(row: tuple[Any, ...]) -> Finding:
    return Finding(
        keyed=None if row[1] is None else Entry(row[1], row[3], int(row[4]), row[5], row[6]),
        keyed_digest=row[2],
        last=None if row[7] is None else Entry(row[7], row[8], int(row[9]), row[10], row[11], row[12]),
        poll_exists=row[13],
        rules_version=row[14],
        changeable=bool(row[15]),
        open=row[16],
    )


def _rules(row: tuple[Any, ...]) -> PollRules:
    poll_id, voters, changeable, draft, opens_at, closes_at, sealed_at, salt, version, owner_id, questions = row
    return PollRules(
        id=poll_id,
        voters=voters,
        changeable=changeable,
        draft=draft,
        opens_at=opens_at,
        closes_at=closes_at,
        sealed_at=sealed_at,
        salt=bytes(salt),
        version=version,
        owner_id=owner_id,
        questions={
            question: QuestionRules(id=question, min_choices=least, max_choices=most, choices=frozenset(choices or ()))
            for question, least, most, choices in questions or ()
        },
    )


def _literal(elements: Iterable[str]) -> str:
    """An array literal of elements that need no quoting, or are quoted already: far cheaper to parse than ARRAY[…] of casts."""
    return "{" + ",".join(elements) + "}"
