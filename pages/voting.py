"""Voting by form, on whichever page the form stands: why there is none, and what became of the one that was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from commands.casting import Receipt, cast_vote
from core.credentials import VOTER_COOKIE, VOTER_COOKIE_SECONDS, Credentials
from core.errors import NexusError, NotFound, ValidationError
from core.events import OPEN
from core.ports import ports
from pages import notices
from pages.ballot_form import BallotForm, ballot_form, new_key, read_body, sent_key
from pages.notices import Notice
from pages.reading import state_of
from projections.models import PollCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A vote that was not taken: what the voter is told, and the form again where trying again makes sense."""

    error: NexusError
    notice: Notice
    form: BallotForm | None


async def instead_of_ballot(card: PollCard, credentials: Credentials) -> Notice | None:
    """Why this visitor gets no ballot; None if they do."""
    state = state_of(card, datetime.now(UTC))
    if state != OPEN:
        return notices.not_open(state)
    if card.voters == "account" and credentials.user_id is None:
        return notices.needs_account()
    if card.voters != "open" and await ports.holds_ballot(credentials, card.poll_id):
        return notices.has_voted()
    return None


def blank_ballot(card: PollCard) -> BallotForm:
    return ballot_form(card.questions, key=new_key(), asks_code=card.voters == "code")


async def cast_form(request: HttpRequest, card: PollCard, credentials: Credentials) -> Receipt | Refused:
    """Casts the vote that the form says. Raises `NotFound` when the poll has gone since."""
    key = sent_key(request.POST.get("key"))
    body = read_body(card.questions, request.POST.getlist)
    try:
        return await cast_vote(card.poll_id, body, credentials, method="POST", idempotency_key=key)
    except NotFound:
        raise
    except NexusError as error:
        notice = notices.refused(error, state_of(card, datetime.now(UTC)))
        fault = error if isinstance(error, ValidationError) else None
        form = ballot_form(card.questions, key=key, asks_code=card.voters == "code", body=body, error=fault) if notice.keeps_form else None
        return Refused(error=error, notice=notice, form=form)


def remember_voter(request: HttpRequest, response: HttpResponse, receipt: Receipt) -> None:
    """The cookie that makes the browser this voter from now on, and the headers that belong to the receipt."""
    if receipt.voter_token is not None:
        secure = settings.HTTPS or request.is_secure()  # as the API does
        response.set_cookie(VOTER_COOKIE, receipt.voter_token, max_age=VOTER_COOKIE_SECONDS, path="/", httponly=True, samesite="Lax", secure=secure)
    for name, value in receipt.headers:
        response.headers[name.decode()] = value.decode()
