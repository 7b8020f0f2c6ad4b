-- Keeping the read side's rows of one poll, in the transaction that changes the poll. Always in this order: card, generations, tallies,
-- projection last: whoever counts locks tallies before the projection, and an insert that does nothing still waits for them (the other way round they deadlock).

-- name: be_durable
-- Whatever the cluster's own setting is: neither a close nor a version that readers saw may be gone after a crash.
SET LOCAL synchronous_commit = on;

-- name: begin_tallies
-- The first generation of the poll's tallies, where it has none: a rebuild may have replaced and dropped the first.
INSERT INTO tally_generations (poll_id, generation, boundary, fed)
SELECT %(poll_id)s, 1, 0, true WHERE NOT EXISTS (SELECT FROM tally_generations WHERE poll_id = %(poll_id)s)
ON CONFLICT DO NOTHING;

-- name: begin_poll_tallies
INSERT INTO poll_tallies (poll_id, generation, ballots)
SELECT poll_id, generation, 0 FROM tally_generations WHERE poll_id = %(poll_id)s ORDER BY generation
ON CONFLICT DO NOTHING;

-- name: begin_question_tallies
INSERT INTO question_tallies (poll_id, generation, question_id, ballots)
SELECT g.poll_id, g.generation, q.id, 0
FROM tally_generations g CROSS JOIN unnest(%(question_ids)s::uuid[]) AS q(id) WHERE g.poll_id = %(poll_id)s ORDER BY g.generation, q.id
ON CONFLICT DO NOTHING;

-- name: begin_choice_tallies
INSERT INTO choice_tallies (poll_id, generation, choice_id, votes)
SELECT g.poll_id, g.generation, c.id, 0
FROM tally_generations g CROSS JOIN unnest(%(choice_ids)s::uuid[]) AS c(id) WHERE g.poll_id = %(poll_id)s ORDER BY g.generation, c.id
ON CONFLICT DO NOTHING;

-- name: end_question_tallies
-- Questions that were replaced; nobody had voted then, so there is nothing in them.
DELETE FROM question_tallies WHERE poll_id = %(poll_id)s AND NOT question_id = ANY(%(question_ids)s::uuid[]);

-- name: end_choice_tallies
DELETE FROM choice_tallies WHERE poll_id = %(poll_id)s AND NOT choice_id = ANY(%(choice_ids)s::uuid[]);

-- name: raise_version
-- A new poll begins at version 1, and nothing can have been cast in it before it was made; every later change raises the version.
INSERT INTO poll_projections (poll_id, version, generation, rendered_version, as_of) VALUES (%(poll_id)s, 1, 1, 0, %(created_at)s)
ON CONFLICT (poll_id) DO UPDATE SET version = poll_projections.version + 1;
