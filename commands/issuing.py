"""Handing out voter codes: made, kept as hashes, shown once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from commands.body_fields import FieldReader
from commands.code_store import add_codes
from commands.codes import new_codes, normalised
from commands.handlers import require_control, state_of
from commands.models import Poll
from commands.poll_locks import database_clock, shared_poll
from commands.voters import code_key
from core.accounts.models import User
from core.errors import FieldError, NotFound, PollClosed, PollHasNoCodes, Unavailable, ValidationError
from core.events import CLOSED

COUNT = (1, 10_000)


def issue_codes(*, poll_id: UUID, actor: User, body: Mapping[str, Any]) -> list[str]:
    """As many fresh codes of the poll as `body` counts (the JSON of `POST …/codes`); nobody can ever read them again.

    A draft may have codes, so that they can be sent out before it opens; codes outlive a change of `voters` and are good again when it is changed
    back. Judged in this order: who may, `voters`, closed or not, the count. Raises `NotFound`, `PermissionDenied`, `PollHasNoCodes`, `PollClosed`,
    `ValidationError`, `Unavailable`.
    """
    poll = Poll.objects.filter(pk=poll_id).first()
    if poll is None:
        raise NotFound("There is no such poll.")
    _check_issuable(poll, actor)
    codes = new_codes(_check_count(body))
    salt = bytes(poll.salt)
    hashes = [code_key(salt, normalised(code) or "") for code in codes]  # before the transaction, which holds up the relay
    with shared_poll(poll_id) as poll:
        _check_issuable(poll, actor)
        if bytes(poll.salt) != salt:
            raise Unavailable("The poll is being changed; try again.")
        with connection.cursor() as cursor:
            add_codes(cursor, poll_id, hashes)
    return codes


def _check_issuable(poll: Poll, actor: User) -> None:
    require_control(poll, actor)
    if poll.voters != Poll.Voters.CODE:
        raise PollHasNoCodes
    if state_of(poll, database_clock()) == CLOSED:
        raise PollClosed("The poll is closed, so nobody could vote with further codes.")


def _check_count(body: Mapping[str, Any]) -> int:
    faults: list[FieldError] = []
    count = FieldReader(body, faults).number("count", None, least=COUNT[0], most=COUNT[1])
    if faults:
        raise ValidationError(faults[0].detail, errors=tuple(faults))
    return count
