"""Polls over HTTP for readers: the list and one poll, from the cards. `core/urls.py` joins them with the writing side."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.api_view import ApiView, signed_in
from core.errors import BadRequest
from core.shapes import ANYBODY, POLL_ID, STATES, PollAnswer, problems
from projections.list_cursors import ListCursor, open_cursor
from projections.poll_lists import find_poll, list_polls
from projections.serializers import PollPageAnswer

TAGS = ["polls"]
PAGE_SIZE, MOST_PER_PAGE = 20, 100
SEARCH_LIMIT = 200


class ListPollsApi(ApiView):
    @extend_schema(
        operation_id="list_polls",
        tags=TAGS,
        auth=ANYBODY,
        parameters=[
            OpenApiParameter("state", str, enum=STATES, description="by the clock, now"),
            OpenApiParameter("search", str, description=f"text in title or description, {SEARCH_LIMIT} characters at most"),
            OpenApiParameter("owner", str, enum=["me"], description="your own polls, drafts and unlisted ones too"),
            OpenApiParameter("cursor", str, description="from `next` or `previous`; opaque"),
            OpenApiParameter(
                "page_size", {"type": "integer", "minimum": 1, "default": PAGE_SIZE}, description=f"more than {MOST_PER_PAGE} count as {MOST_PER_PAGE}"
            ),
        ],
        responses={200: PollPageAnswer, **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """Polls, newest first: the listed ones that are no drafts, or all of your own."""
        now = timezone.now()
        cursor = request.query_params.get("cursor")
        page = list_polls(
            owner=_owner(request),
            state=_state(request),
            search=_search(request),
            now=now,
            cursor=None if cursor is None else open_cursor(cursor),
            page_size=_page_size(request),
        )
        return Response({"next": _url(request, page.next), "previous": _url(request, page.previous), "results": [poll.answer(now) for poll in page.polls]})


class ReadPollApi(ApiView):
    @extend_schema(operation_id="read_poll", tags=TAGS, auth=ANYBODY, parameters=[POLL_ID], responses={200: PollAnswer, **problems(401, 404)})
    def get(self, request: Request, poll_id: UUID) -> Response:
        """One poll. A draft is there for its owner and staff only."""
        reader = request.user if isinstance(request.user, User) else None
        return Response(find_poll(poll_id=poll_id, reader=reader).answer(timezone.now()))


def _owner(request: Request) -> User | None:
    owner = request.query_params.get("owner")
    if owner is None:
        return None
    if owner != "me":
        raise BadRequest("The parameter owner can only be: me.")
    return signed_in(request)


def _state(request: Request) -> str | None:
    state = request.query_params.get("state")
    if state is not None and state not in STATES:
        raise BadRequest(f"The parameter state must be one of: {', '.join(STATES)}.")
    return state


def _search(request: Request) -> str:
    search: str = request.query_params.get("search", "")
    if "\0" in search or len(search) > SEARCH_LIMIT:
        raise BadRequest(f"The parameter search may have {SEARCH_LIMIT} characters at most, and no NUL.")
    return search.strip()


def _page_size(request: Request) -> int:
    size = request.query_params.get("page_size", str(PAGE_SIZE))
    if not (size.isascii() and size.isdigit() and len(size) < 10 and int(size) >= 1):
        raise BadRequest(f"The parameter page_size must be a number from 1 to {MOST_PER_PAGE}.")
    return min(int(size), MOST_PER_PAGE)


def _url(request: Request, cursor: ListCursor | None) -> str | None:
    """The request's own address with another cursor."""
    if cursor is None:
        return None
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor.seal()
    return str(request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}"))
