"""The short form of `make faults`: one round each of a few scenarios, and the proof that a round notices what it is there to notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rounds import run_round
from tests.faults.scenario import Scenario, all_scenarios
from tests.faults.world import World

pytestmark = pytest.mark.timeout(240)

# How soon it heals is measured by `make faults`; here a slow machine is no fault of anybody.
PATIENCE = 60.0  # seconds


@pytest.mark.parametrize("scenario", [one for one in all_scenarios() if one.short], ids=lambda one: one.id)
def test_every_answered_vote_counts_once_although(scenario: Scenario, world: World) -> None:
    outcome = run_round(world, scenario, short=True, within=PATIENCE)
    if outcome.left_out:
        pytest.skip(outcome.left_out)
    assert outcome.good, "\n".join([*outcome.problems, world.stack.last_words()])
    assert outcome.verdict.counted == outcome.verdict.answered == outcome.verdict.sent


def miscount(world: World) -> Iterator[None]:
    world.sql("UPDATE choice_tallies SET votes = votes + 1 WHERE poll_id = ANY(%s::uuid[])", [world.polls])
    yield


def misplace_a_minute(world: World) -> Iterator[None]:
    world.sql("UPDATE minute_tallies SET minute = minute - interval '7 minutes' WHERE poll_id = ANY(%s::uuid[])", [world.polls])
    yield


def miscount_a_question(world: World) -> Iterator[None]:
    world.sql("UPDATE question_tallies SET ballots = ballots - 1 WHERE poll_id = ANY(%s::uuid[])", [world.polls])
    yield


def miscount_ballots(world: World) -> Iterator[None]:
    world.sql("UPDATE poll_tallies SET ballots = ballots + 1 WHERE poll_id = ANY(%s::uuid[])", [world.polls])
    yield


def count_what_nobody_offered(world: World) -> Iterator[None]:
    world.sql(
        """INSERT INTO choice_tallies (poll_id, generation, choice_id, votes)
           SELECT poll_id, generation, gen_random_uuid(), 1 FROM poll_projections WHERE poll_id = ANY(%s::uuid[])""",
        [world.polls],
    )
    yield


def lose(world: World) -> Iterator[None]:
    world.sql("SET session_replication_role = replica; DELETE FROM votes WHERE id = (SELECT min(id) FROM votes WHERE poll_id = ANY(%s::uuid[]))", [world.polls])
    yield


def count_twice(world: World) -> Iterator[None]:
    world.sql(
        """INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
           SELECT epoch, poll_id, gen_random_uuid(), 1, choices, gen_random_uuid(), gen_random_uuid(), request_digest, cast_at
           FROM votes WHERE poll_id = ANY(%s::uuid[]) AND choices IS NOT NULL LIMIT 1""",
        [world.polls],
    )
    yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sabotage", "complaint"),
    [
        (miscount, "choice_tallies"),
        (misplace_a_minute, "minute_tallies"),
        (miscount_a_question, "question_tallies"),
        (miscount_ballots, "poll_tallies"),
        (count_what_nobody_offered, "choice_tallies"),
        (lose, "lost 1, twice 0"),
        (count_twice, "lost 0, twice 1"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_a_round_notices(sabotage: object, complaint: str, world: World) -> None:
    scenario = Scenario(name="sabotage", broken=sabotage, kills="", rounds=1, hold=0.5, short=False, short_hold=0.5)  # type: ignore[arg-type]
    outcome = run_round(world, scenario)
    assert any(complaint in problem for problem in outcome.problems), outcome.problems
