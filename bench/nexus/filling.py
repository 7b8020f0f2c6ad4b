"""Accounts, polls, tokens and votes for Nexus by the hundred thousand. Wants Django set up."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.db import connection, transaction

from bench.targets import Poll, Voters
from commands.handlers import create_poll
from commands.tokens import VoterToken
from core.accounts.models import User
from core.redis import sync_redis
from core.sql import queries
from projections.progress import read_progress

_SQL = queries(Path(__file__).parents[1], "nexus.sql")
_COPIES = (
    "copy_polls", "copy_questions", "copy_choices", "copy_cards", "copy_projections",
    "copy_generations", "copy_tallies", "copy_question_tallies", "copy_choice_tallies",
)  # fmt: skip
_TOKEN_SECONDS = 6 * 3600  # a run may take long; production's live for a quarter of an hour, which costs nothing else
_CHUNK = 250_000


def make_owner() -> User:
    """Whom all polls belong to."""
    return User.objects.create_user("bench", "bench@example.org", secrets.token_urlsafe(24))


def make_accounts(like: User, count: int) -> list[str]:
    """So many more accounts; returns their ids."""
    return [str(row[0]) for row in rows("copy_users", like=like.pk, count=count)]


def make_polls(owner: User, count: int, *, voters: Voters, choices: int) -> list[Poll]:
    """Open polls without votes, in the order of their ids. One is made as an organiser makes it, the others are copies of that."""
    kind = "account" if voters == "account" else "session"
    question = {"text": "Which?", "choices": [{"text": f"Choice {n + 1}"} for n in range(choices)]}
    body = {"title": "Which one?", "voters": kind, "questions": [question]}
    facts = create_poll(owner=owner, body=body)
    first = Poll(facts.id, facts.questions[0].id, tuple(choice.id for choice in facts.questions[0].choices))
    if count == 1:
        return [first]
    mark = f"bench-{secrets.token_hex(4)}"
    with transaction.atomic(), connection.cursor() as cursor:
        for name in _COPIES:
            cursor.execute(_SQL[name], {"mark": mark, "count": count, "like": facts.id})
    return [Poll(poll, question, tuple(map(UUID, ids))) for poll, question, ids in rows("polls_made", mark=mark)]


def session_credentials(count: int) -> Iterator[bytes]:
    """Header lines of anonymous voters who have been here before, each with a token of its own."""
    for _ in range(count):
        yield b"X-Voter-Token: %b\r\n" % VoterToken.fresh().seal().encode()


def account_credentials(accounts: Sequence[str]) -> Iterator[bytes]:
    """Header lines of signed-in voters: access tokens as `auth/token` issues them, signed here with the same key."""
    rules: dict[str, Any] = settings.SIMPLE_JWT
    now = int(time.time())
    for account in accounts:
        claims = {
            "token_type": "access", "exp": now + _TOKEN_SECONDS, "iat": now, "jti": secrets.token_hex(16), rules["USER_ID_CLAIM"]: account,
            "aud": rules["AUDIENCE"], "iss": rules["ISSUER"], "staff": False, "gen": 0,
        }  # fmt: skip
        yield b"Authorization: Bearer %b\r\n" % jwt.encode(claims, rules["SIGNING_KEY"], algorithm=rules["ALGORITHM"]).encode()


def cast_by_sql(polls: Sequence[Poll], votes: int, *, minutes: int = 10) -> Iterator[int]:
    """Appends so many votes to the log, spread evenly over the polls; yields after every chunk how many there are, each committed."""
    done = 0
    parameters: dict[str, Any] = {
        "polls": [poll.id for poll in polls],
        "choices": [",".join(map(str, poll.choices)) for poll in polls],
        "of": len(polls),
        "minutes": minutes,
    }
    while done < votes:
        count = min(_CHUNK, votes - done)
        with connection.cursor() as cursor:
            cursor.execute(_SQL["cast_votes"], parameters | {"count": count})
        done += count
        yield done


def lag() -> float:
    """Age in seconds of the oldest vote that is not in the results."""
    with connection.cursor() as cursor:
        return read_progress(cursor).lag_seconds


def move(database: str) -> None:
    """Goes over to another database of the same server; Redis forgets everything."""
    let_go()
    connection.settings_dict["NAME"] = database
    sync_redis().flushdb()


def let_go() -> None:
    """Closes this process's connection: a database with somebody in it cannot be copied."""
    connection.close()


def vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def rows(name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """What a query of `nexus.sql` returns."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name], parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def one(name: str, **parameters: Any) -> tuple[Any, ...]:
    """The one row that a query of `nexus.sql` returns."""
    return rows(name, **parameters)[0]
