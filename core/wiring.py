"""The composition root: plugs the parts' answers into `core.ports`. The one place that knows both sides."""

from __future__ import annotations

from commands.standing import holds_ballot
from core.ports import ports
from core.progress import register_progress
from projections.cards import keep_card
from projections.progress import read_progress


def wire() -> None:
    ports.subscribe_to_polls(keep_card)
    ports.answer_ballot_lookup(holds_ballot)
    register_progress(read_progress)
