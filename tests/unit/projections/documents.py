"""Makes results documents for tests, without a database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from projections.document import ChoiceResult, QuestionResult, ResultsDocument

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def make_document(**fields: Any) -> ResultsDocument:
    """An open poll of one question with two choices, at version 1 of epoch 1."""
    choices = (ChoiceResult(id=uuid.uuid4(), text="Yes", votes=2), ChoiceResult(id=uuid.uuid4(), text="No", votes=1))
    usual: dict[str, Any] = {
        "poll_id": uuid.uuid4(),
        "epoch": 1,
        "version": 1,
        "as_of": NOON,
        "final": False,
        "ballots": 3,
        "title": "Shall we?",
        "slug": "shall-we",
        "owner_id": uuid.uuid4(),
        "voters": "session",
        "results": "always",
        "draft": False,
        "opens_at": None,
        "closes_at": None,
        "sealed_at": None,
        "questions": (QuestionResult(id=uuid.uuid4(), text="Shall we?", ballots=3, choices=choices),),
    }
    return ResultsDocument(**usual | fields)
