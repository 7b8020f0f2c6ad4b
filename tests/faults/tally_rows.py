"""Every row of the four tally tables beside what the log says it must be: one statement, so one snapshot of both."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.world import World

# The count is made here once more, from the last revision of each voter; nothing of the product's own counting is used.
_WRONG = """
WITH last AS (
    SELECT DISTINCT ON (poll_id, voter_key) poll_id, choices, cast_at
    FROM votes WHERE poll_id = ANY(%(polls)s::uuid[]) ORDER BY poll_id, voter_key, revision DESC),
ballots AS (SELECT row_number() OVER () AS ballot, poll_id, choices, cast_at FROM last WHERE choices IS NOT NULL),
offered AS (
    SELECT p.poll_id, question ->> 'id' AS question, choice ->> 'id' AS choice
    FROM poll_cards p, jsonb_array_elements(p.questions::jsonb) AS question, jsonb_array_elements(question -> 'choices') AS choice
    WHERE p.poll_id = ANY(%(polls)s::uuid[])),
chosen AS (
    SELECT b.ballot, b.poll_id, o.question, one.choice::text AS choice
    FROM ballots b CROSS JOIN LATERAL unnest(b.choices) AS one(choice) LEFT JOIN offered o ON o.poll_id = b.poll_id AND o.choice = one.choice::text),
log AS (
    SELECT 'poll_tallies' AS place, poll_id, '' AS key, count(*) AS n FROM ballots GROUP BY poll_id
    UNION ALL SELECT 'question_tallies', poll_id, question, count(DISTINCT ballot) FROM chosen GROUP BY poll_id, question
    UNION ALL SELECT 'choice_tallies', poll_id, choice, count(*) FROM chosen GROUP BY poll_id, choice
    UNION ALL SELECT 'minute_tallies', poll_id, date_trunc('minute', cast_at AT TIME ZONE 'UTC')::text, count(*) FROM ballots GROUP BY 1, 2, 3),
tallies AS (
    SELECT 'poll_tallies' AS place, poll_id, '' AS key, generation, ballots AS n FROM poll_tallies
    UNION ALL SELECT 'question_tallies', poll_id, question_id::text, generation, ballots FROM question_tallies
    UNION ALL SELECT 'choice_tallies', poll_id, choice_id::text, generation, votes FROM choice_tallies
    UNION ALL SELECT 'minute_tallies', poll_id, (minute AT TIME ZONE 'UTC')::text, generation, ballots FROM minute_tallies),
shown AS (SELECT t.* FROM tallies t JOIN poll_projections p USING (poll_id, generation) WHERE p.poll_id = ANY(%(polls)s::uuid[]))
SELECT poll_id::text, place, key, coalesce(log.n, 0), coalesce(shown.n, 0)
FROM log FULL JOIN shown USING (poll_id, place, key)
WHERE coalesce(log.n, 0) <> coalesce(shown.n, 0) ORDER BY poll_id, place, key"""


def wrong_rows(world: World) -> Sequence[str]:
    """A line for each row of a tally table that is not what the log counts, missing and surplus ones too."""
    rows = world.sql(_WRONG, {"polls": world.polls})
    return [f"poll {poll}: the log counts {truth}, {place} {key}".rstrip() + f" has {found}" for poll, place, key, truth, found in rows]
