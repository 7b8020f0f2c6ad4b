"""The write side's polls over HTTP, but for votes: make, edit, publish, close, delete, hand out codes. `core/urls.py` joins them with the reading side."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from commands.handlers import close_poll, create_poll, delete_poll, edit_poll, publish_poll
from commands.issuing import issue_codes
from commands.serializers import CodesAnswer, CodesBody, PollBody, PollEditBody
from core.api_view import ApiView, body_of, signed_in
from core.events import PollFacts
from core.shapes import BEARER, POLL_ID, PollAnswer, problems

TAGS = ["polls"]
_KEPT_NOWHERE = OpenApiParameter("Cache-Control", str, OpenApiParameter.HEADER, response=[201], description="`no-store`")
_LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201], description="the poll's path")


class CreatePollApi(ApiView):
    @extend_schema(
        operation_id="create_poll",
        tags=TAGS,
        auth=BEARER,
        request=PollBody,
        parameters=[_LOCATION],
        responses={201: PollAnswer, **problems(400, 401, 403, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Makes a poll. It is open at once, unless it is a draft or says when it opens."""
        poll = create_poll(owner=signed_in(request), body=body_of(request))
        return Response(poll.answer(timezone.now()), status=201, headers={"Location": f"{request.path}/{poll.id}"})


class EditPollApi(ApiView):
    @extend_schema(
        operation_id="edit_poll",
        tags=TAGS,
        auth=BEARER,
        request=PollEditBody,
        parameters=[POLL_ID],
        responses={200: PollAnswer, **problems(400, 401, 403, 404, 409, 413, 415)},
    )
    def patch(self, request: Request, poll_id: UUID) -> Response:
        """Replaces the fields that are given, `questions` as a whole.

        Once somebody has voted only `title`, `description`, `results`, `listed` and a later `closes_at`; once closed only `results` and `listed`.
        """
        actor = signed_in(request)
        return _answer(edit_poll(poll_id=poll_id, actor=actor, body=body_of(request)))


class DeletePollApi(ApiView):
    @extend_schema(
        operation_id="delete_poll",
        tags=TAGS,
        auth=BEARER,
        parameters=[POLL_ID],
        responses={204: OpenApiResponse(description="The poll is gone."), **problems(401, 403, 404, 409)},
    )
    def delete(self, request: Request, poll_id: UUID) -> Response:
        """Deletes a poll in which nobody ever voted."""
        delete_poll(poll_id=poll_id, actor=signed_in(request))
        return Response(status=204)


class PublishPollApi(ApiView):
    @extend_schema(
        operation_id="publish_poll", tags=TAGS, auth=BEARER, request=None, parameters=[POLL_ID], responses={200: PollAnswer, **problems(401, 403, 404, 409)}
    )
    def post(self, request: Request, poll_id: UUID) -> Response:
        """Makes a draft a poll: open, or scheduled where it says when it opens. What is published already stays as it is."""
        return _answer(publish_poll(poll_id=poll_id, actor=signed_in(request)))


class ClosePollApi(ApiView):
    @extend_schema(
        operation_id="close_poll", tags=TAGS, auth=BEARER, request=None, parameters=[POLL_ID], responses={200: PollAnswer, **problems(401, 403, 404, 409)}
    )
    def post(self, request: Request, poll_id: UUID) -> Response:
        """Closes a poll for good: no vote counts that was not answered before."""
        return _answer(close_poll(poll_id=poll_id, actor=signed_in(request)))


class IssueCodesApi(ApiView):
    @extend_schema(
        operation_id="issue_codes",
        tags=TAGS,
        auth=BEARER,
        request=CodesBody,
        parameters=[POLL_ID, _KEPT_NOWHERE],
        responses={201: CodesAnswer, **problems(400, 401, 403, 404, 409, 413, 415)},
    )
    def post(self, request: Request, poll_id: UUID) -> Response:
        """Makes codes for the voters of a `code` poll that is not closed. This answer is the only one that ever shows them."""
        actor = signed_in(request)
        codes = issue_codes(poll_id=poll_id, actor=actor, body=body_of(request))
        return Response({"codes": codes}, status=201, headers={"Cache-Control": "no-store"})


def _answer(poll: PollFacts) -> Response:
    return Response(poll.answer(timezone.now()))
