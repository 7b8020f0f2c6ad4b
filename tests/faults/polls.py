"""What a client must know of a poll with one question. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollInfo:
    id: str
    question: str
    choices: tuple[str, ...]

    def body(self, choice: str) -> bytes:
        """A vote for one choice."""
        return json.dumps({"answers": [{"question": self.question, "choices": [choice]}]}).encode()
