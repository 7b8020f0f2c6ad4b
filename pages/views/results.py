"""`/polls/{slug}/results`: bars that move, or why they are not shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.errors import BadRequest, PermissionDenied
from core.positions import Position, open_position
from pages.asking import visitor_of
from pages.presenting import BY_VOTES, POLL_ORDER, results_view
from pages.reading import results_of, visible_card
from pages.responses import page
from projections.visibility import check_may_see


@page
@require_safe
async def results(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    token = request.GET.get("after", "")
    own = _own_position(token, card.poll_id)
    document, included = await results_of(card, after=own)
    now = datetime.now(UTC)
    state = document.state(now)
    context: dict[str, Any] = {"user": visitor.user, "card": card, "state": state, "voted": own is not None, "vote_url": reverse("vote", args=[card.slug])}
    try:
        await check_may_see(document, visitor.credentials, now)
    except PermissionDenied:
        return render(request, "pages/withheld.html", context, status=403)
    order = BY_VOTES if request.GET.get("order") == BY_VOTES else POLL_ORDER
    context |= {
        "results": results_view(document, state=state, order=order),
        "order": order,
        "after": "" if own is None or included else token,
        "etag": document.etag(state),
        "api_url": f"/api/v1/polls/{card.poll_id}/results",
    }
    return render(request, "pages/results.html", context)


def _own_position(token: str, poll_id: UUID) -> Position | None:
    """The position in this poll that the token seals; None for anything else: the page then waits for no vote."""
    if not token:
        return None
    try:
        position = open_position(token)
    except BadRequest:
        return None
    return position if position.poll_id == poll_id else None
