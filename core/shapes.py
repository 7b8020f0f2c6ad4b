"""What polls and problems look like on the wire, for the OpenAPI document. Nothing is validated or rendered with these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_serializer
from rest_framework import serializers

from core.errors import PROBLEMS
from core.problems import PROBLEM_TYPE

if TYPE_CHECKING:
    _Shape = serializers.Serializer[Any]
else:
    _Shape = serializers.Serializer

VOTERS = ("session", "account", "ip", "code", "open")
RESULTS = ("always", "after_vote", "after_close", "owner")
KINDS = ("single", "multiple")
STATES = ("draft", "scheduled", "open", "closed")

BEARER: list[Any] = [{"bearer": []}, {"session": []}]
ANYBODY: list[Any] = [{}, *BEARER]
"""Who may ask: nobody has to sign in, but whoever does is known."""


class Choice(_Shape):
    id = serializers.UUIDField()
    text = serializers.CharField(max_length=200)


class Question(_Shape):
    id = serializers.UUIDField()
    text = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(KINDS)
    min_choices = serializers.IntegerField(min_value=0)
    max_choices = serializers.IntegerField(min_value=1)
    choices = Choice(many=True)


class Owner(_Shape):
    username = serializers.CharField()


@extend_schema_serializer(component_name="Poll")
class PollAnswer(_Shape):
    """`core.events.PollFacts.answer`."""

    id = serializers.UUIDField()
    slug = serializers.CharField(help_text="readable, ends randomly, never changes")
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=5000, allow_blank=True)
    state = serializers.ChoiceField(STATES)
    owner = Owner()
    created_at = serializers.DateTimeField()
    opens_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)
    draft = serializers.BooleanField()
    listed = serializers.BooleanField()
    voters = serializers.ChoiceField(VOTERS, help_text="who counts as one voter")
    results = serializers.ChoiceField(RESULTS, help_text="who may see results, and when")
    changeable = serializers.BooleanField(help_text="whether a vote may be changed or withdrawn while the poll is open")
    questions = Question(many=True)


class FieldFault(_Shape):
    pointer = serializers.CharField(help_text="a JSON pointer into the body, as a URI fragment")
    detail = serializers.CharField()
    code = serializers.CharField()


class Problem(_Shape):
    """RFC 9457; `errors` with `validation-error` only."""

    type = serializers.ChoiceField([f"/problems/{problem.type}" for problem in PROBLEMS])
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    errors = FieldFault(many=True, required=False)  # type: ignore[assignment]  # a field of this name, not the property


def problems(*statuses: int) -> dict[tuple[int, str], type[Problem]]:
    """Responses for `extend_schema`, and those that any view can end with: a bad `Host` (400), a body too large even where none is read (413) and so on."""
    return {(status, PROBLEM_TYPE): Problem for status in sorted({*statuses, 400, 405, 413, 500, 503})}


POLL_ID = OpenApiParameter("poll_id", str, OpenApiParameter.PATH, description="The poll's id; what is not an id is a 404.")
