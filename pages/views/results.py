"""`/polls/{slug}/results`: bars that move, or why they are not shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.errors import PermissionDenied, Unavailable
from pages.asking import visitor_of
from pages.presenting import BY_VOTES, POLL_ORDER, results_view
from pages.reading import own_position, results_of, visible_card
from pages.responses import page
from pages.timeline_drawing import Drawing, bucket_for, draw
from projections.document import ResultsDocument
from projections.models import PollCard
from projections.readers import readers
from projections.visibility import check_may_see


@page
@require_safe
async def results(request: HttpRequest, slug: str) -> HttpResponse:
    visitor = await visitor_of(request)
    card = await visible_card(slug, visitor)
    token = request.GET.get("after", "")
    own = own_position(token, card.poll_id)
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
        "drawing": await _drawing(card, document),
    }
    return render(request, "pages/results.html", context)


async def _drawing(card: PollCard, document: ResultsDocument) -> Drawing | None:
    """When the votes came; None where there are none, or this cannot be told just now."""
    if document.ballots == 0:
        return None
    bucket = bucket_for(card.opens_at or card.created_at, document.as_of)
    try:
        _, body = await readers().timelines.body(card.poll_id, document.order, bucket)
    except Unavailable:
        return None
    return draw(orjson.loads(body))
