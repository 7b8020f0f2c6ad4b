"""Makes the polls of a round over the API, as an organiser would."""

from __future__ import annotations

import secrets
from typing import Any

from tests.faults.asking import ask
from tests.faults.polls import PollInfo


class Organiser:
    """An account of its own on the stack at `port`."""

    def __init__(self, port: int) -> None:
        self._port = port

    def make_polls(self) -> tuple[PollInfo, PollInfo]:
        """A poll for plain votes and one whose votes may be changed, both open, with three choices."""
        account = {"username": f"organiser-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(16)}
        self._post("auth/register", account | {"email": f"{account['username']}@example.org"})
        access = self._post("auth/token", account)["access"]
        return self._make_poll(access, changeable=False), self._make_poll(access, changeable=True)

    def _make_poll(self, access: str, *, changeable: bool) -> PollInfo:
        question: dict[str, Any] = {"text": "?", "choices": [{"text": text} for text in ("Yes", "No", "Perhaps")]}
        made = self._post("polls", {"title": "Does it hold?", "listed": False, "changeable": changeable, "questions": [question]}, access)
        asked = made["questions"][0]
        return PollInfo(made["id"], asked["id"], tuple(choice["id"] for choice in asked["choices"]))

    def _post(self, path: str, body: dict[str, Any], access: str = "") -> dict[str, Any]:
        status, found = ask(self._port, "POST", f"/api/v1/{path}", body, bearer=access, seconds=15.0)
        if status not in {200, 201}:
            raise OSError(f"{path} was answered with {status}: {found}")
        return dict(found)
