"""Answers of the reading side, for the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from core.shapes import PollAnswer

if TYPE_CHECKING:
    _Shape = serializers.Serializer[Any]
else:
    _Shape = serializers.Serializer


@extend_schema_serializer(component_name="PollPage")
class PollPageAnswer(_Shape):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PollAnswer(many=True)
