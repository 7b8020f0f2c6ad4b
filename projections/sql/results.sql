-- name: select_documents
-- Version, counts and card of several polls from one snapshot; read separately they tear. Counts may be below zero for a moment.
SELECT c.poll_id, (SELECT epoch FROM log_epoch LIMIT 1), p.version, greatest(p.as_of, c.created_at), c.final, c.title, c.slug, c.owner_id, c.voters, c.results, c.draft,
       c.opens_at, c.closes_at, c.sealed_at, c.questions::text, coalesce(t.ballots, 0), q.ballots_of, v.votes_for
FROM poll_cards c
JOIN poll_projections p ON p.poll_id = c.poll_id
LEFT JOIN poll_tallies t ON t.poll_id = p.poll_id AND t.generation = p.generation
CROSS JOIN LATERAL (SELECT coalesce(json_object_agg(q.question_id, q.ballots)::text, '{}') AS ballots_of
                    FROM question_tallies q WHERE q.poll_id = p.poll_id AND q.generation = p.generation) q
CROSS JOIN LATERAL (SELECT coalesce(json_object_agg(v.choice_id, v.votes)::text, '{}') AS votes_for
                    FROM choice_tallies v WHERE v.poll_id = p.poll_id AND v.generation = p.generation) v
WHERE c.poll_id = ANY(%(poll_ids)s::uuid[]);

-- name: mark_rendered
-- Notes what Redis was given. Rows are locked in order first, or two of these and an upsert could deadlock. Nobody waits for the disk:
-- a mark that is lost with the server is made again by the sweeper.
WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
given AS (SELECT poll_id, version FROM unnest(%(poll_ids)s::uuid[], %(versions)s::bigint[]) AS given(poll_id, version)),
locked AS MATERIALIZED (SELECT p.poll_id FROM poll_projections p WHERE p.poll_id = ANY(%(poll_ids)s::uuid[]) ORDER BY p.poll_id FOR NO KEY UPDATE)
UPDATE poll_projections p SET rendered_version = given.version
FROM relaxed CROSS JOIN given JOIN locked USING (poll_id)
WHERE p.poll_id = given.poll_id AND p.rendered_version < given.version;

-- name: select_lagging
-- Polls whose latest version Redis was not given, at most a few hundred.
SELECT poll_id FROM poll_projections WHERE version > rendered_version ORDER BY poll_id LIMIT %(limit)s;
