"""Whether a voter's code was handed out, and what becomes of one that was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.code_store import CodeHash
from commands.codes import normalised
from commands.engine import Engine
from commands.rules import PollRules
from commands.voters import CodeRefused, Voter
from core.credentials import Credentials


def with_code(rules: PollRules, credentials: Credentials, body: Mapping[str, Any]) -> Credentials:
    """The credentials with the code that stands in the body, where this poll's voters have codes.

    Raises `CodeRefused` for a code that is no text, and where the header names another: nobody shall guess whose ballot was meant.
    """
    typed = body.get("code")
    if rules.voters != "code" or typed is None:
        return credentials
    if not isinstance(typed, str) or (credentials.code is not None and normalised(credentials.code) != normalised(typed)):
        raise CodeRefused
    return credentials._replace(code=typed)


def without_code(rules: PollRules, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body as far as it says what is voted: a code only says who votes, so a retry may spell it, or send it, differently."""
    return {name: value for name, value in body.items() if name != "code"} if rules.voters == "code" else body


async def check_code(parts: Engine, rules: PollRules, voter: Voter, credentials: Credentials) -> None:
    """Returns when the voter's code is one of this poll's; a poll of other voters has nothing to check.

    Raises `CodeRefused`, and `RateLimited` while too many wrong ones come from the address.
    """
    if rules.voters != "code":
        return
    parts.codes.check(credentials.address)
    if not await parts.lookups.is_code(CodeHash(rules.id, voter.key)):
        await parts.codes.refused(credentials.address)
        raise CodeRefused
