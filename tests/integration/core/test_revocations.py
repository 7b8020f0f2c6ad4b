"""Tokens that were made void are refused within a second where no request asks the database."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest
from asgiref.sync import sync_to_async

from core.accounts import revocations as module
from core.accounts.access import read_access_token
from core.accounts.closing import close_account
from core.accounts.models import User
from core.accounts.revocations import Revocations
from core.accounts.tokens import issue_pair
from core.errors import NotAuthenticated
from tests.factories import make_user

pytestmark = pytest.mark.usefixtures("committed_db")


async def refused(known: Revocations, access: str) -> bool:
    try:
        await known.check(read_access_token(access))
    except NotAuthenticated:
        return True
    return False


async def token_of(user: User) -> str:
    return (await sync_to_async(issue_pair)(user)).access


async def test_closing_deactivating_and_a_new_password_make_tokens_void_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGE_SECONDS", 0.0)
    closed, asleep, changed, other = [await sync_to_async(make_user)() for _ in range(4)]
    tokens = [await token_of(user) for user in (closed, asleep, changed, other)]
    known = Revocations()
    assert [await refused(known, token) for token in tokens] == [False] * 4
    await sync_to_async(close_account)(closed)
    asleep.is_active = False
    asleep.void_tokens()
    await sync_to_async(asleep.save)()
    changed.set_password("another one altogether")
    await sync_to_async(changed.save)()
    fresh = await token_of(changed)
    assert [await refused(known, token) for token in tokens] == [True, True, True, False]
    assert not await refused(known, fresh)


async def test_looks_once_a_second_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    token = await token_of(await sync_to_async(make_user)())
    known, looks = Revocations(), []
    read = known._read

    def counted() -> Any:
        looks.append(1)
        return read()

    monkeypatch.setattr(known._flight, "_compute", counted)
    monkeypatch.setattr(known._flight, "_seconds", 60.0)
    for _ in range(50):
        assert not await refused(known, token)
    assert len(looks) == 1


async def test_goes_on_with_what_it_knows_while_the_database_is_away_and_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGE_SECONDS", 0.0)
    gone, other = await sync_to_async(make_user)(), await sync_to_async(make_user)()
    tokens = [await token_of(gone), await token_of(other)]
    await sync_to_async(close_account)(gone)
    known = Revocations()
    assert [await refused(known, token) for token in tokens] == [True, False]
    with monkeypatch.context() as patch:
        patch.setattr(module, "connect", _away)
        assert known._connection is not None
        known._connection.close()
        assert [await refused(known, token) for token in tokens] == [True, False]
    await sync_to_async(close_account)(other)
    assert [await refused(known, token) for token in tokens] == [True, True]


def _away(*_: object, **__: object) -> None:
    raise psycopg2.OperationalError("gone")
