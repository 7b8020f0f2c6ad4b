"""The bodies of the write side's polls, for the OpenAPI document; `commands.definitions` is what checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from commands import definitions, issuing
from core.shapes import KINDS, RESULTS, VOTERS

if TYPE_CHECKING:
    _Shape = serializers.Serializer[Any]
else:
    _Shape = serializers.Serializer


class ChoiceBody(_Shape):
    text = serializers.CharField(max_length=definitions.CHOICE_LIMIT)


class QuestionBody(_Shape):
    text = serializers.CharField(max_length=definitions.QUESTION_LIMIT)
    kind = serializers.ChoiceField(KINDS, default="single")
    min_choices = serializers.IntegerField(min_value=0, default=1)
    max_choices = serializers.IntegerField(min_value=1, default=1)
    choices = serializers.ListField(child=ChoiceBody(), min_length=definitions.CHOICES[0], max_length=definitions.CHOICES[1])


@extend_schema_serializer(component_name="PollDefinition")
class PollBody(_Shape):
    title = serializers.CharField(max_length=definitions.TITLE_LIMIT)
    description = serializers.CharField(max_length=definitions.DESCRIPTION_LIMIT, allow_blank=True, default="")
    opens_at = serializers.DateTimeField(allow_null=True, required=False)
    closes_at = serializers.DateTimeField(allow_null=True, required=False)
    draft = serializers.BooleanField(default=False)
    listed = serializers.BooleanField(default=True)
    voters = serializers.ChoiceField(VOTERS, default="session", help_text="who counts as one voter")
    results = serializers.ChoiceField(RESULTS, default="always", help_text="who may see results, and when")
    changeable = serializers.BooleanField(default=False, help_text="whether a vote may be changed or withdrawn while the poll is open")
    questions = serializers.ListField(child=QuestionBody(), min_length=definitions.QUESTIONS[0], max_length=definitions.QUESTIONS[1])


@extend_schema_serializer(component_name="PollEdit")
class PollEditBody(_Shape):
    """Every field may be left out."""

    title = serializers.CharField(max_length=definitions.TITLE_LIMIT, required=False)
    description = serializers.CharField(max_length=definitions.DESCRIPTION_LIMIT, allow_blank=True, required=False)
    opens_at = serializers.DateTimeField(allow_null=True, required=False)
    closes_at = serializers.DateTimeField(allow_null=True, required=False)
    draft = serializers.BooleanField(required=False)
    listed = serializers.BooleanField(required=False)
    voters = serializers.ChoiceField(VOTERS, required=False)
    results = serializers.ChoiceField(RESULTS, required=False)
    changeable = serializers.BooleanField(required=False)
    questions = serializers.ListField(child=QuestionBody(), min_length=definitions.QUESTIONS[0], max_length=definitions.QUESTIONS[1], required=False)


@extend_schema_serializer(component_name="CodesRequest")
class CodesBody(_Shape):
    count = serializers.IntegerField(min_value=issuing.COUNT[0], max_value=issuing.COUNT[1])


@extend_schema_serializer(component_name="Codes")
class CodesAnswer(_Shape):
    codes = serializers.ListField(
        child=serializers.CharField(), help_text="one for each voter, such as 7K2M-9QXD-04TZ-HN8C; case, spaces and dashes do not matter when it is typed"
    )
