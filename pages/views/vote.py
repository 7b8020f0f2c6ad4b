"""`/polls/{slug}`: the ballot, and what becomes of it when it is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from commands.casting import Receipt, cast_vote
from core.credentials import VOTER_COOKIE, VOTER_COOKIE_SECONDS
from core.errors import NexusError, NotFound, ValidationError
from core.events import OPEN
from core.ports import ports
from pages import notices
from pages.asking import Visitor, visitor_of
from pages.ballot_form import BallotForm, ballot_form, new_key, read_body, sent_key
from pages.notices import Notice
from pages.reading import state_of, visible_card
from pages.responses import add_refusal_headers, page, see_other
from projections.models import PollCard


@page
@require_http_methods(["GET", "HEAD", "POST"])
async def vote(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    if request.method == "POST":
        return await _cast(request, card, visitor)
    notice = await _instead_of_ballot(card, visitor)
    form = None if notice else ballot_form(card.questions, key=new_key())
    return _ballot_page(request, card, visitor, form=form, notice=notice)


async def _instead_of_ballot(card: PollCard, visitor: Visitor) -> Notice | None:
    """Why this visitor gets no ballot; None if they do."""
    state = state_of(card, datetime.now(UTC))
    if state != OPEN:
        return notices.not_open(state)
    if card.voters == "account" and visitor.credentials.user_id is None:
        return notices.needs_account()
    if card.voters != "open" and await ports.holds_ballot(visitor.credentials, card.poll_id):
        return notices.has_voted()
    return None


async def _cast(request: HttpRequest, card: PollCard, visitor: Visitor) -> HttpResponse:
    key = sent_key(request.POST.get("key"))
    body = read_body(card.questions, request.POST.getlist)
    try:
        receipt = await cast_vote(card.poll_id, body, visitor.credentials, method="POST", idempotency_key=key)
    except NotFound:
        raise  # the poll has gone since: a 404 like any other
    except NexusError as refusal:
        notice = notices.refused(refusal, state_of(card, datetime.now(UTC)))
        fault = refusal if isinstance(refusal, ValidationError) else None
        form = ballot_form(card.questions, key=key, body=body, error=fault) if notice.keeps_form else None
        response = _ballot_page(request, card, visitor, form=form, notice=notice, status=refusal.status)
        add_refusal_headers(response, refusal)
        return response
    return _thanks(card, receipt)


def _thanks(card: PollCard, receipt: Receipt) -> HttpResponse:
    """Off to the results, where the page waits for this vote; the cookie makes the browser this voter from now on."""
    response = see_other(f"{reverse('results', args=[card.slug])}?{urlencode({'after': receipt.position})}")
    if receipt.voter_token is not None:
        response.set_cookie(VOTER_COOKIE, receipt.voter_token, max_age=VOTER_COOKIE_SECONDS, path="/", httponly=True, samesite="Lax", secure=settings.HTTPS)
    for name, value in receipt.headers:
        response.headers[name.decode()] = value.decode()
    return response


def _ballot_page(request: HttpRequest, card: PollCard, visitor: Visitor, *, form: BallotForm | None, notice: Notice | None, status: int = 200) -> HttpResponse:
    context = {
        "user": visitor.user,
        "card": card,
        "state": state_of(card, datetime.now(UTC)),
        "form": form,
        "notice": notice,
        "vote_url": reverse("vote", args=[card.slug]),
        "results_url": reverse("results", args=[card.slug]),
    }
    return render(request, "pages/vote.html", context, status=status)
