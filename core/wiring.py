"""The composition root: plugs the parts' answers into `core.ports`. The one place that knows both sides."""

from __future__ import annotations

from commands.connection import refuse_wrong_secret
from commands.standing import holds_ballot
from commands.voters import check_voter_token
from core.ports import ports
from core.progress import register_progress
from core.start_checks import register_start_check
from projections.cards import keep_card
from projections.owners import rename_owner
from projections.progress import read_progress
from projections.selectors import is_final


def wire() -> None:
    ports.subscribe_to_polls(keep_card)
    ports.subscribe_to_accounts(rename_owner)
    ports.answer_ballot_lookup(holds_ballot)
    ports.answer_voter_token_check(check_voter_token)
    ports.answer_finality_lookup(is_final)
    register_start_check(refuse_wrong_secret)
    register_progress(read_progress)
