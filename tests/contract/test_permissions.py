"""Who may do what: every operation as nobody, another user, the owner and staff, on a published poll and on a draft."""

from __future__ import annotations

from typing import NamedTuple

import httpx
import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from tests.asgi_client import Answer, ask
from tests.contract.operations import Operation, encoded, operations
from tests.factories import make_poll, make_user

ROLES = ("nobody", "other", "owner", "staff")
Four = tuple[int, int, int, int]  # the status for each of ROLES


def all_get(status: int) -> Four:
    return (status,) * 4


class Row(NamedTuple):
    """`withheld`: on a published poll whose results are the owner's. None: no poll is concerned."""

    published: Four
    draft: Four | None = None
    withheld: Four | None = None


SIGNED_IN = (401, 200, 200, 200)
RESULTS = Row(all_get(200), draft=(404, 404, 200, 200), withheld=(403, 403, 200, 200))


def organisers(done: int, draft: int | None = None) -> Row:
    """For the owner and staff; `draft` is what they get on a draft, where that differs."""
    return Row((401, 403, done, done), draft=(401, 404, draft or done, draft or done))


def voters(published: int, draft: int) -> Row:
    """For everybody; drafts are there for the owner and staff only."""
    return Row(all_get(published), draft=(404, 404, draft, draft))


ROWS: dict[str, Row] = {
    "register": Row(all_get(201)),
    "obtain_tokens": Row(all_get(200)),
    "refresh_tokens": Row(all_get(200)),
    "logout": Row(all_get(204)),
    "who_am_i": Row(SIGNED_IN),
    "close_account": Row((401, 204, 204, 204)),
    "change_password": Row(SIGNED_IN),
    "reset_password": Row(all_get(202)),
    "confirm_password_reset": Row(all_get(400)),  # nobody's link
    "list_polls": Row(all_get(200)),
    "create_poll": Row((401, 201, 201, 201)),
    "read_poll": voters(200, 200),
    "edit_poll": organisers(200),
    "delete_poll": organisers(204),
    "publish_poll": organisers(200),
    "close_poll": organisers(200, draft=409),
    "issue_codes": organisers(409),  # this poll's voters have none
    "cast_vote": voters(201, 409),
    "read_my_vote": voters(404, 404),  # nobody has voted yet
    "replace_my_vote": voters(404, 409),
    "withdraw_my_vote": voters(404, 409),
    "read_results": RESULTS,
    "read_timeline": RESULTS,
    "download_results_csv": RESULTS,
    "download_results_json": RESULTS,
    "download_results_pdf": RESULTS,
    "follow_results": RESULTS,
    "issue_ticket": Row(all_get(201), draft=(404, 404, 201, 201), withheld=(403, 403, 201, 201)),
}
FOR_NOBODY = {"register", "obtain_tokens", "refresh_tokens", "logout", "reset_password", "confirm_password_reset"}  # a session says nothing there
KINDS: dict[str, dict[str, object]] = {"published": {}, "draft": {"draft": True}, "withheld": {"results": "owner"}}
pytestmark = pytest.mark.usefixtures("unlimited")


def test_every_operation_has_its_row_and_every_row_its_operation() -> None:
    assert {operation.id for operation in operations()} == ROWS.keys()
    for operation in operations():
        assert (ROWS[operation.id].draft is not None) == ("{poll_id}" in operation.path), operation.id


def test_what_needs_an_account_is_documented_so() -> None:
    for operation in operations():
        assert (ROWS[operation.id].published[0] == 401) == operation.needs_account, operation.id


@pytest.mark.parametrize("kind", KINDS)
async def test_answers_each_as_the_table_says(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    wanted = {name: getattr(row, kind) for name, row in ROWS.items() if getattr(row, kind) is not None}
    found: dict[str, Four] = {}
    for operation in operations():
        if operation.id in wanted:
            nobody, other, owner, staff = [await status_of(operation, role, kind) for role in ROLES]
            found[operation.id] = (nobody, other, owner, staff)
    assert found == wanted


async def status_of(operation: Operation, role: str, kind: str) -> int:
    owner = make_user()
    asking = {"nobody": None, "other": make_user(), "owner": owner, "staff": make_user(is_staff=True)}[role]
    User.objects.filter(username="new").delete()
    return (await send(operation, make_poll(owner=owner, changeable=True, **KINDS[kind]), asking)).status


async def test_a_session_acts_only_with_its_csrf_token(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    wanted: dict[str, tuple[int, int]] = {}
    found: dict[str, tuple[int, int]] = {}
    for operation in operations():
        owner = make_user()
        poll = make_poll(owner=owner, changeable=True)
        allowed = ROWS[operation.id].published[ROLES.index("owner")]
        wanted[operation.id] = (allowed if operation.method == "GET" or operation.id in FOR_NOBODY else 403, allowed)
        without = await send(operation, poll, owner, session=True)
        User.objects.filter(username="new").delete()
        found[operation.id] = (without.status, (await send(operation, poll, owner, session=True, csrf="a" * 32)).status)
    assert found == wanted


async def send(operation: Operation, poll: Poll, user: User | None, *, session: bool = False, csrf: str = "") -> Answer:
    headers: dict[str, str | bytes] = {"content-type": "application/json"} if operation.has_body else {}
    if user is not None and session:
        headers["cookie"] = f"sessionid={session_of(user)}" + (f"; csrftoken={csrf}" if csrf else "")
        if csrf:
            headers["x-csrftoken"] = csrf
    elif user is not None:
        headers["authorization"] = f"Bearer {issue_pair(user).access}"
    return await ask(operation.method, operation.on(poll.pk), headers=headers, body=encoded(operation, poll))


def session_of(user: User) -> str:

    store = SessionStore()
    store.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend", HASH_SESSION_KEY: user.get_session_auth_hash()})
    store.create()
    return str(store.session_key)
