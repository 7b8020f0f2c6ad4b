"""The operations of the OpenAPI document, and requests that fit them, so that a test can go over all of them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import orjson
from drf_spectacular.generators import SchemaGenerator

from commands.models import Poll
from core.accounts.tokens import issue_pair
from tests.factories import ballot, make_user

PASSWORD = "correct horse battery"


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    has_body: bool
    needs_account: bool

    def on(self, poll_id: object) -> str:
        return self.path.replace("{poll_id}", str(poll_id))


@cache
def operations() -> tuple[Operation, ...]:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return tuple(
        Operation(item["operationId"], method.upper(), path, "requestBody" in item, {} not in item["security"])
        for path, methods in document["paths"].items()
        for method, item in methods.items()
    )


@cache
def methods_by_path() -> dict[str, frozenset[str]]:
    """What each path knows, HEAD and OPTIONS among it."""
    found: dict[str, set[str]] = {}
    for operation in operations():
        found.setdefault(operation.path, {"OPTIONS"}).update({operation.method, "HEAD"} if operation.method == "GET" else {operation.method})
    return {path: frozenset(methods) for path, methods in found.items()}


def body_for(operation: str, poll: Poll | None = None) -> dict[str, Any]:
    """A body that the operation takes; made anew, because some can be used once."""
    question = {"text": "Which?", "choices": [{"text": "Tea"}, {"text": "Coffee"}]}
    simple: dict[str, dict[str, Any]] = {
        "create_poll": {"title": "Tea or coffee?", "questions": [question]},
        "edit_poll": {"title": "Coffee or tea?"},
        "issue_codes": {"count": 1},
        "register": {"username": "new", "email": "new@example.org", "password": PASSWORD},
        "change_password": {"old_password": PASSWORD, "new_password": "staple in the stable 9"},
        "reset_password": {"email": "nobody@example.org"},
        "confirm_password_reset": {"uid": "x", "token": "x", "new_password": "staple in the stable 9"},
    }
    if operation in simple:
        return simple[operation]
    if operation in {"cast_vote", "replace_my_vote"}:
        assert poll is not None
        return ballot(poll)
    user = make_user()
    if operation == "obtain_tokens":
        return {"username": user.username, "password": PASSWORD}
    return {"refresh": issue_pair(user).refresh}  # logout, refresh_tokens


def encoded(operation: Operation, poll: Poll | None = None) -> bytes:
    return orjson.dumps(body_for(operation.id, poll)) if operation.has_body else b""
