"""`/polls/{slug}/embed` and `…/embed/results`: the ballot and the results for a frame on somebody else's page.

A browser may keep our cookies from a frame on another site. Then it is the form's key that makes a resubmit the same vote, and what only a voter may see
is shown in the very answer to the vote, because no later request could prove who it was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from commands.casting import Receipt
from core.credentials import Credentials
from core.errors import PermissionDenied
from core.origins import check_origin
from core.positions import Position, open_position
from pages.asking import visitor_of
from pages.ballot_form import BallotForm
from pages.notices import Notice, has_voted
from pages.presenting import POLL_ORDER, results_view
from pages.reading import own_position, results_of, state_of, visible_card
from pages.responses import add_refusal_headers, embeddable_page, see_other
from pages.voting import Refused, blank_ballot, cast_form, instead_of_ballot, remember_voter
from projections.models import PollCard
from projections.visibility import check_may_see, everyone_may_see


@csrf_exempt  # see `_check_sender`
@embeddable_page
@require_http_methods(["GET", "HEAD", "POST"])
async def embed(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    if request.method == "POST":
        _check_sender(request, signed_in=visitor.credentials.user_id is not None)
        return await _cast(request, card, visitor.credentials)
    notice = await instead_of_ballot(card, visitor.credentials)
    if notice is not None and notice.results_link:
        return await _results(request, card, visitor.credentials, notice=notice)
    return _ballot(request, card, form=None if notice else blank_ballot(card), notice=notice)


@embeddable_page
@require_safe
async def embed_results(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    return await _results(request, card, visitor.credentials, after=own_position(request.GET.get("after", ""), card.poll_id))


class _HeadersOf:
    """The request's headers as `check_origin` asks for them."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def header(self, name: bytes) -> str | None:
        value: str | None = self._request.headers.get(name.decode())
        return value


def _check_sender(request: HttpRequest, *, signed_in: bool) -> None:
    """The form must come from a page of ours, which browsers say themselves. A CSRF token, whose cookie a frame may not have, is asked only of whom a
    session authenticates. Raises `PermissionDenied`.
    """
    check_origin(_HeadersOf(request))
    if signed_in and CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, lambda _: HttpResponse(), (), {}) is not None:
        raise PermissionDenied("The form has expired. Please reload the page and try again.")


async def _cast(request: HttpRequest, card: PollCard, credentials: Credentials) -> HttpResponse:
    outcome = await cast_form(request, card, credentials)
    if isinstance(outcome, Refused):
        response = _ballot(request, card, form=outcome.form, notice=outcome.notice, status=outcome.error.status)
        add_refusal_headers(response, outcome.error)
        return response
    response = await _thanks(request, card, outcome, credentials._replace(code=request.POST.get("code") or credentials.code))
    remember_voter(request, response, outcome)
    return response


async def _thanks(request: HttpRequest, card: PollCard, receipt: Receipt, credentials: Credentials) -> HttpResponse:
    if everyone_may_see(results=card.results, draft=card.draft, state=state_of(card, datetime.now(UTC))):
        return see_other(f"{reverse('embed-results', args=[card.slug])}?{urlencode({'after': receipt.position})}")
    known = credentials._replace(voter_header=receipt.voter_token or credentials.voter_header)
    return await _results(request, card, known, after=open_position(receipt.position), notice=has_voted())


async def _results(
    request: HttpRequest, card: PollCard, credentials: Credentials, *, after: Position | None = None, notice: Notice | None = None
) -> HttpResponse:
    """The results, or where they are not for this visitor, what they are told instead: `notice`, or else why not."""
    document, included = await results_of(card, after=after)
    now = datetime.now(UTC)
    state = document.state(now)
    try:
        await check_may_see(document, credentials, now)
    except PermissionDenied:
        return _page(request, card, {"notice": notice and replace(notice, results_link=False), "withheld": True}, status=200 if notice else 403)
    public = everyone_may_see(results=document.results, draft=document.draft, state=state)
    context = {
        "results": results_view(document, state=state, order=POLL_ORDER),
        "notice": notice and replace(notice, results_link=False) if state == "open" else None,
        "voted": after is not None and notice is None,
        "after": request.GET.get("after", "") if after is not None and not included else "",
        "etag": document.etag(state),
        "api_url": f"/api/v1/polls/{card.poll_id}/results",
        "live": public and request.method != "POST",  # without cookies only what everybody may see can be asked for again
    }
    return _page(request, card, context)


def _ballot(request: HttpRequest, card: PollCard, *, form: BallotForm | None, notice: Notice | None, status: int = 200) -> HttpResponse:
    return _page(request, card, {"form": form, "notice": notice, "forgetful": card.voters in {"session", "open"}}, status=status)


def _page(request: HttpRequest, card: PollCard, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    usual = {
        "card": card,
        "state": state_of(card, datetime.now(UTC)),
        "user": None,
        "form_url": reverse("embed", args=[card.slug]),
        "results_url": reverse("embed-results", args=[card.slug]),
        "vote_url": reverse("vote", args=[card.slug]),
    }
    return render(request, "pages/embed.html", usual | context, status=status)
