"""`/polls/{slug}`: the ballot, and what becomes of it when it is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from commands.casting import Receipt
from pages.asking import Visitor, visitor_of
from pages.ballot_form import BallotForm
from pages.notices import Notice
from pages.reading import state_of, visible_card
from pages.responses import add_refusal_headers, page, see_other
from pages.voting import Refused, blank_ballot, cast_form, instead_of_ballot, remember_voter
from projections.models import PollCard


@page
@require_http_methods(["GET", "HEAD", "POST"])
async def vote(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    if request.method == "POST":
        return await _cast(request, card, visitor)
    notice = await instead_of_ballot(card, visitor.credentials)
    form = None if notice else blank_ballot(card)
    return _ballot_page(request, card, visitor, form=form, notice=notice)


async def _cast(request: HttpRequest, card: PollCard, visitor: Visitor) -> HttpResponse:
    outcome = await cast_form(request, card, visitor.credentials)
    if isinstance(outcome, Refused):
        response = _ballot_page(request, card, visitor, form=outcome.form, notice=outcome.notice, status=outcome.error.status)
        add_refusal_headers(response, outcome.error)
        return response
    return _thanks(request, card, outcome)


def _thanks(request: HttpRequest, card: PollCard, receipt: Receipt) -> HttpResponse:
    """Off to the results, where the page waits for this vote."""
    response = see_other(f"{reverse('results', args=[card.slug])}?{urlencode({'after': receipt.position})}")
    remember_voter(request, response, receipt)
    return response


def _ballot_page(request: HttpRequest, card: PollCard, visitor: Visitor, *, form: BallotForm | None, notice: Notice | None, status: int = 200) -> HttpResponse:
    context = {
        "user": visitor.user,
        "card": card,
        "state": state_of(card, datetime.now(UTC)),
        "form": form,
        "notice": notice,
        "form_url": reverse("vote", args=[card.slug]),
        "results_url": reverse("results", args=[card.slug]),
    }
    return render(request, "pages/vote.html", context, status=status)
