"""`/`: the open polls."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pages.asking import visitor_of
from pages.listing import Place, open_polls
from pages.responses import page

LONGEST_SEARCH = 200


@page
@require_safe
async def home(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("search", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    after = Place.parse(request.GET.get("before", ""))
    visitor = await visitor_of(request)
    found = await sync_to_async(open_polls)(now=datetime.now(UTC), search=search, after=after)
    return render(
        request,
        "pages/home.html",
        {
            "user": visitor.user,
            "search": search,
            "entries": found.entries,
            "first_page": after is None,
            "newest_url": _url(search) if after else "",
            "older_url": _url(search, found.older) if found.older else "",
        },
    )


def _url(search: str, before: Place | None = None) -> str:
    parameters = {"search": search} if search else {}
    if before is not None:
        parameters["before"] = str(before)
    return f"/?{urlencode(parameters)}" if parameters else "/"
