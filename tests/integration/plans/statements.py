"""Every named query of the product: what it is given here, by which indexes it must find its rows, and how many it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.plans.filling import HOT, OLD, SMALL, WITH_CODES, named


@dataclass(frozen=True, kw_only=True)
class Case:
    """A statement, its parameters as the product hands them over, and what `checking.check` is told of it."""

    name: str
    given: Any = None
    reads: Mapping[str, str] = field(default_factory=dict)
    rows: float = 20


def _array(*items: object) -> str:
    """As the product hands over arrays that may be long."""
    return "{" + ",".join(map(str, items)) + "}"


ALL = float("inf")  # of the polls, never of the votes

_FEW = SMALL[:5]
_GENERATION = {"poll_id": HOT, "generation": 2}
_BATCH = named("batch", 9990)
_CARD = {"poll_id": OLD, "created_at": "2026-01-01", "question_ids": [named("question", 2)], "choice_ids": [named("choice", 2, n) for n in (1, 2, 3)]}
_ADDED = {"polls": _array(*_FEW), "n": _array(*[1] * 5), "fed_polls": _array(*_FEW), "generations": _array(*[1] * 5)}

VOTING = (
    Case(name="commands/vote_log.sql: poll_rules", given=([HOT, OLD],),
         reads={"polls": "polls_pkey", "questions": "questions_*", "choices": "choices_*"}),
    Case(name="commands/codes.sql: add_codes", given=(WITH_CODES, _array(*[named("new code", n) for n in range(1000)]))),
    Case(name="commands/codes.sql: known_codes", given=(_array(*[WITH_CODES] * 200), _array(*[named("code", n) for n in range(4900, 5100)])),
         reads={"voter_codes": "voter_codes_pkey"}, rows=200),
    Case(name="commands/polls.sql: bound_waiting", given=("5s",)),
    Case(name="commands/polls.sql: lock_out_voters", given=(HOT,)),
    Case(name="commands/polls.sql: go_along_with_voters", given=(HOT,)),
    Case(name="commands/polls.sql: read_shared", given=(HOT,), reads={"polls": "polls_pkey"}),
    Case(name="commands/polls.sql: read_clock"),
    Case(name="commands/polls.sql: has_votes", given=(HOT,), reads={"votes": "votes_one_per_revision"}),
    Case(name="commands/polls.sql: seal", given=(HOT,), reads={"polls": "polls_pkey"}),
    Case(name="commands/polls.sql: closed_with_salt", given=(3600,), reads={"polls": ""}, rows=ALL),
    Case(name="commands/polls.sql: destroy_salt", given=(named("poll", 3700),), reads={"polls": "polls_pkey"}),
    Case(name="commands/polls.sql: present_moment"),
    Case(name="commands/polls.sql: is_past_still_seen", given=("700",)),
    Case(name="core/accounts/revocations.sql: recently_revoked", given=(900,), reads={"accounts_user": "users_revoked"}),
)  # fmt: skip

READING = (
    Case(name="projections/results.sql: select_documents", given={"poll_ids": [str(poll) for poll in _FEW]},
         reads={"poll_cards": "poll_cards_pkey", "poll_projections": "poll_projections_pkey", "poll_tallies": "poll_tallies_pkey",
                "question_tallies": "question_tallies_pkey", "choice_tallies": "choice_tallies_pkey"}),
    Case(name="projections/results.sql: select_lagging", given={"limit": 500}, reads={"poll_projections": "poll_projections_to_render"}),
    Case(name="projections/results.sql: mark_rendered", given={"poll_ids": [str(poll) for poll in _FEW], "versions": [8] * 5},
         reads={"poll_projections": "poll_projections_pkey"}),
    Case(name="projections/reads.sql: select_timeline", given={"poll_id": str(HOT)}, rows=2000,
         reads={"poll_cards": "poll_cards_pkey", "poll_projections": "poll_projections_pkey", "minute_tallies": "minute_tallies_pkey"}),
    Case(name="projections/reads.sql: select_progress", given={"polls": [HOT, OLD], "epochs": [1, 1], "xids": ["300", "20"], "ids": [30000, 2000]},
         reads={"vote_batches": "vote_batches_by_end", "poll_projections": "poll_projections_pkey"}),
)  # fmt: skip

COUNTING = (
    Case(name="projections/writer.sql: claim_batch", given={"batch_id": _BATCH}, reads={"vote_batches": "vote_batches_pkey"}),
    Case(name="projections/writer.sql: select_polls_of_batch", given={"batch_id": named("batch", 9000)},
         reads={"vote_batches": "vote_batches_pkey", "poll_projections": "poll_projections_to_render"}),
    Case(name="projections/writer.sql: select_generations", given={"polls": _array(*_FEW), "seq": 9990}, reads={"tally_generations": "tally_generations_pkey"}),
    Case(name="projections/writer.sql: begin_first_generation", given={"polls": _array(*_FEW)}),
    Case(name="projections/writer.sql: select_questions", given={"polls": _array(*_FEW)}, reads={"poll_cards": "poll_cards_pkey"}),
    Case(name="projections/writer.sql: add_to_polls", given=_ADDED),
    Case(name="projections/writer.sql: add_to_questions", given=_ADDED | {"keys": _array(*[named("question", n) for n in range(5, 10)])}),
    Case(name="projections/writer.sql: add_to_choices", given=_ADDED | {"keys": _array(*[named("choice", n, 1) for n in range(5, 10)])}),
    Case(name="projections/writer.sql: add_to_minutes", given=_ADDED | {"keys": _array(*[1700000000] * 5)}),
    Case(name="projections/writer.sql: bump_versions", given={"polls": _array(*_FEW)}, reads={"vote_batches": "vote_batches_seq_key vote_batches_unapplied"}),
    *(Case(name=f"projections/cards.sql: {name}", given=_CARD, reads={"tally_generations": "tally_generations_pkey"})
      for name in ("begin_tallies", "begin_poll_tallies", "begin_question_tallies", "begin_choice_tallies")),
    Case(name="projections/cards.sql: end_question_tallies", given=_CARD, reads={"question_tallies": "question_tallies_pkey"}),
    Case(name="projections/cards.sql: end_choice_tallies", given=_CARD, reads={"choice_tallies": "choice_tallies_pkey"}),
    Case(name="projections/cards.sql: raise_version", given=_CARD),
)  # fmt: skip

_UNAPPLIED = {"vote_batches": "vote_batches_unapplied"}

RELAYING = (
    Case(name="workers/relay.sql: lock_cursor"),
    Case(name="workers/relay.sql: lease", given={"republish_seconds": 5.0, "longest_seconds": 300.0, "limit": 64, "lease_seconds": 15.0},
         reads={"vote_batches": "vote_batches_pkey vote_batches_unapplied"}, rows=60),
    Case(name="workers/relay.sql: end_leases", reads={"vote_batches": "vote_batches_pkey vote_batches_unapplied"}, rows=60),
    Case(name="workers/relay.sql: mark_published", given={"ids": [str(_BATCH)]}, reads={"vote_batches": "vote_batches_pkey"}),
    Case(name="workers/relay.sql: give_back", given={"ids": [str(_BATCH)], "seconds": 1.0}, reads={"vote_batches": "vote_batches_pkey"}),
    Case(name="workers/relay.sql: polls_to_seal", given={"limit": 100}, reads={"polls": "polls_to_seal"}),
    Case(name="workers/relay.sql: polls_to_finish", given={"limit": 100}, reads=_UNAPPLIED | {"poll_cards": "poll_cards_awaiting_final"}, rows=30),
    Case(name="workers/relay.sql: make_final", given={"poll_id": named("poll", 3995)}, rows=30,
         reads=_UNAPPLIED | {"poll_cards": "poll_cards_awaiting_final", "poll_projections": "poll_projections_pkey"}),
    Case(name="workers/relay.sql: counted_so_far", reads=_UNAPPLIED),
    Case(name="workers/relay.sql: unapplied_batches", reads=_UNAPPLIED, rows=30),
    Case(name="workers/relay.sql: batch_named", given={"id": None, "seq": 9990}, reads={"vote_batches": "vote_batches_seq_key"}),
    Case(name="workers/retention.sql: delete_old_batches", given={"limit": 1000, "hours": 168}, rows=2010,
         reads={"vote_batches": "vote_batches_pkey vote_batches_seq_key vote_batches_unapplied"}),
    Case(name="projections/progress.sql: read_progress", rows=60,
         reads=_UNAPPLIED | {"votes": "votes_tail", "poll_audits": "poll_audits_drifted poll_audits_oldest"}),
)  # fmt: skip

_REBUILD = {"tally_rebuilds": "tally_rebuilds_pkey"}
_PROJECTION = {"poll_projections": "poll_projections_pkey"}
_TALLIES = {name: f"{name}_pkey" for name in ("tally_generations", "poll_tallies", "question_tallies", "choice_tallies")}
_EVERY_POLL = {"poll_projections": ""}

MENDING = (
    Case(name="workers/audit.sql: read_chunk", rows=1016, reads={"votes": "votes_one_per_revision"},
         given={"poll_id": HOT, "voter_key": named("voter", 20000), "revision": 1, "limit": 1000, "end_epoch": 1, "end_xid": "300", "end_id": 30000}),
    Case(name="workers/audit.sql: read_standing", given={"poll_id": HOT}, rows=4000,
         reads=_UNAPPLIED | _PROJECTION | _TALLIES | {"poll_cards": "poll_cards_pkey", "minute_tallies": "minute_tallies_pkey"}),
    Case(name="workers/audit.sql: polls_by_id", given={"after": HOT, "limit": 100}, reads=_PROJECTION, rows=100),
    Case(name="workers/audit.sql: polls_by_lot", given={"limit": 5}, reads=_EVERY_POLL, rows=ALL),
    Case(name="workers/audit.sql: polls_named", given={"id": HOT, "slug": str(HOT)}, reads={"poll_cards": "poll_cards_pkey poll_cards_slug*"}),
    Case(name="workers/audit.sql: audit_under_way", reads={"poll_audits": "poll_audits_under_way"}),
    Case(name="workers/audit.sql: next_audits", given={"limit": 50, "rest_seconds": 60}, rows=500,
         reads=_PROJECTION | {"poll_audits": "poll_audits_oldest poll_audits_pkey"}),
    Case(name="workers/audit.sql: save_audit", given={"poll_id": HOT, "differences": "[]"}),
    Case(name="workers/audit.sql: save_under_way", given={"poll_id": HOT, "under_way": "{}"}),
    Case(name="workers/audit.sql: forget_audit", given={"poll_id": HOT}, reads={"poll_audits": "poll_audits_pkey"}),
    Case(name="workers/audit.sql: number_of_polls", reads=_EVERY_POLL, rows=ALL),
    Case(name="workers/rebuild.sql: lock_cursor"),
    Case(name="workers/rebuild.sql: find_rebuild", given={"poll_id": HOT, "generation": None}, reads=_REBUILD),
    Case(name="workers/rebuild.sql: lock_rebuild", given=_GENERATION, reads=_REBUILD),
    Case(name="workers/rebuild.sql: begin_generation", given={"poll_id": OLD, "boundary": 1},
         reads=_REBUILD | _PROJECTION | {"tally_generations": "tally_generations_pkey"}),
    Case(name="workers/rebuild.sql: begin_rebuild", reads=_PROJECTION,
         given={"poll_id": named("poll", 3000), "generation": 2, "boundary": 1, "end_epoch": 1, "end_xid": "1", "end_id": 1}),
    Case(name="workers/rebuild.sql: note_filled", given=_GENERATION | {"voter_key": named("voter", 1), "revision": 1, "read": 5}, reads=_REBUILD),
    Case(name="workers/rebuild.sql: note_state", given=_GENERATION | {"state": "filled"}, reads=_REBUILD),
    Case(name="workers/rebuild.sql: note_drift", given=_GENERATION | {"drift": "[]"}, reads=_REBUILD),
    Case(name="workers/rebuild.sql: show_generation", given={"poll_id": HOT, "shown": 2}, reads=_PROJECTION),
    Case(name="workers/rebuild.sql: stop_feeding", given=_GENERATION, reads={"tally_generations": "tally_generations_pkey"}),
    Case(name="workers/rebuild.sql: is_unreachable", given=_GENERATION, reads=_REBUILD),
    Case(name="workers/rebuild.sql: drop_minutes", given=_GENERATION | {"limit": 50}, reads={"minute_tallies": "minute_tallies_pkey"}, rows=100),
    Case(name="workers/rebuild.sql: drop_generation", given=_GENERATION, reads=_TALLIES),
    Case(name="workers/epochs.sql: see", rows=ALL, reads=_EVERY_POLL | {"votes": "votes_tail", "poll_cards": "poll_cards_awaiting_final"}),
    Case(name="workers/epochs.sql: begin_epoch", given={"wanted": 2}),
    Case(name="workers/epochs.sql: forget_drops", reads={"tally_rebuilds": ""}, rows=ALL),
    Case(name="workers/epochs.sql: move_poll_barriers", given={"epoch": 2}, reads={"polls": "", "poll_cards": ""}, rows=ALL),
    Case(name="workers/epochs.sql: move_card_barriers", given={"epoch": 2}, reads={"poll_cards": "poll_cards_awaiting_final"}),
    Case(name="workers/epochs.sql: lift_versions", given={"epoch": 2, "versions_of_an_epoch": 100_000_000, "lift": 1}, reads=_EVERY_POLL, rows=ALL),
)  # fmt: skip

CASES = (*VOTING, *READING, *COUNTING, *RELAYING, *MENDING)

PREPARED = {
    *(f"commands/vote_log.sql: {name}" for name in ("judged", "append_votes", "append_votes_first", "look_up")),
    *(f"workers/relay.sql: {name}" for name in ("look", "cut")),
}
