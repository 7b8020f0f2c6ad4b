"""The vote's body."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers


class BallotSerializer(serializers.BaseSerializer[Any]):
    """One answer with one choice; `validated_data` is (question, choice).

    By hand, because nested serializers build a dozen objects for every request.
    """

    def to_internal_value(self, data: Any) -> tuple[uuid.UUID, uuid.UUID]:
        try:
            [answer] = data["answers"]
            [choice] = answer["choices"]
            return uuid.UUID(answer["question"]), uuid.UUID(choice)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise serializers.ValidationError({"answers": "Expected one answer: a question and one of its choices, by id."}) from error
