-- name: let_go
-- A worker that is put to sleep in the middle of a batch must not hold its locks for as long: PostgreSQL undoes the batch, and another worker counts it.
SET LOCAL idle_in_transaction_session_timeout = '5s';

-- name: be_durable
-- Whatever the cluster's own setting is: a version that readers saw must not be given out again after a crash, and the mark in Redis says what is on disk.
SET LOCAL synchronous_commit = on;

-- name: claim_batch
-- The first statement of applying: whoever gets a row back, and nobody else, counts the batch. Another who claims it waits here for the outcome.
UPDATE vote_batches SET applied_at = statement_timestamp() WHERE id = %(batch_id)s AND applied_at IS NULL RETURNING seq, payload::text;

-- name: select_polls_of_batch
-- Which of its polls Redis was not given yet, when the batch has been counted already: most messages that come again find nothing to do. NULL when
-- there is no such batch.
SELECT (SELECT coalesce(array_agg(DISTINCT p.poll_id), '{}')
        FROM jsonb_array_elements(b.payload) AS row JOIN poll_projections p ON p.poll_id = (row ->> 0)::uuid
        WHERE p.rendered_version < p.version)
FROM vote_batches b WHERE b.id = %(batch_id)s;

-- name: select_generations
-- The generations that a batch feeds. Must be a statement of its own after the claim: read before it, a rebuild that began meanwhile is missed.
SELECT poll_id, generation, fed AND boundary < %(seq)s FROM tally_generations WHERE poll_id = ANY(%(polls)s::uuid[]);

-- name: begin_first_generation
-- For polls that have none: the counterpart of what the poll card does when a poll is created.
INSERT INTO tally_generations (poll_id, generation, boundary, fed)
SELECT poll_id, 1, 0, true FROM unnest(%(polls)s::uuid[]) AS d(poll_id) ORDER BY poll_id
ON CONFLICT DO NOTHING;

-- name: select_questions
-- What the polls offer. Frozen once a poll has votes, so the answer may be kept for polls of a batch.
SELECT poll_id, questions::text FROM poll_cards WHERE poll_id = ANY(%(polls)s::uuid[]);

-- name: add_to_polls
INSERT INTO poll_tallies AS t (poll_id, generation, ballots)
SELECT d.poll_id, g.generation, d.n
FROM unnest(%(polls)s::uuid[], %(n)s::bigint[]) AS d(poll_id, n)
JOIN unnest(%(fed_polls)s::uuid[], %(generations)s::int[]) AS g(poll_id, generation) USING (poll_id)
ORDER BY 1, 2
ON CONFLICT (poll_id, generation) DO UPDATE SET ballots = t.ballots + excluded.ballots;

-- name: add_to_questions
INSERT INTO question_tallies AS t (poll_id, generation, question_id, ballots)
SELECT d.poll_id, g.generation, d.question_id, d.n
FROM unnest(%(polls)s::uuid[], %(keys)s::uuid[], %(n)s::bigint[]) AS d(poll_id, question_id, n)
JOIN unnest(%(fed_polls)s::uuid[], %(generations)s::int[]) AS g(poll_id, generation) USING (poll_id)
ORDER BY 1, 2, 3
ON CONFLICT (poll_id, generation, question_id) DO UPDATE SET ballots = t.ballots + excluded.ballots;

-- name: add_to_choices
INSERT INTO choice_tallies AS t (poll_id, generation, choice_id, votes)
SELECT d.poll_id, g.generation, d.choice_id, d.n
FROM unnest(%(polls)s::uuid[], %(keys)s::uuid[], %(n)s::bigint[]) AS d(poll_id, choice_id, n)
JOIN unnest(%(fed_polls)s::uuid[], %(generations)s::int[]) AS g(poll_id, generation) USING (poll_id)
ORDER BY 1, 2, 3
ON CONFLICT (poll_id, generation, choice_id) DO UPDATE SET votes = t.votes + excluded.votes;

-- name: add_to_minutes
INSERT INTO minute_tallies AS t (poll_id, generation, minute, ballots)
SELECT d.poll_id, g.generation, to_timestamp(d.minute), d.n
FROM unnest(%(polls)s::uuid[], %(keys)s::bigint[], %(n)s::bigint[]) AS d(poll_id, minute, n)
JOIN unnest(%(fed_polls)s::uuid[], %(generations)s::int[]) AS g(poll_id, generation) USING (poll_id)
ORDER BY 1, 2, 3
ON CONFLICT (poll_id, generation, minute) DO UPDATE SET ballots = t.ballots + excluded.ballots;

-- name: bump_versions
-- A new version of each poll with the time that belongs to it: that of the last batch before the first one not applied, because batches apply out of order.
INSERT INTO poll_projections AS p (poll_id, version, generation, rendered_version, as_of)
SELECT d.poll_id, 1, 1, 0, coalesce(reached.as_of, to_timestamp(0))
FROM unnest(%(polls)s::uuid[]) AS d(poll_id)
CROSS JOIN (SELECT (SELECT b.as_of FROM vote_batches b
                    WHERE b.seq < coalesce((SELECT min(u.seq) FROM vote_batches u WHERE u.applied_at IS NULL), 9223372036854775807)
                    ORDER BY b.seq DESC LIMIT 1) AS as_of) reached
ORDER BY d.poll_id
ON CONFLICT (poll_id) DO UPDATE SET version = p.version + 1, as_of = greatest(p.as_of, excluded.as_of);
