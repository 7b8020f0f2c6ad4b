-- Filling Nexus's tables by the hundred thousand. Copies of a row keep whatever they do not name, so that a new column needs no change here.

-- name: copy_users
-- Accounts like the first one, which cannot sign in with a password.
INSERT INTO accounts_user
SELECT (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid(), 'username', 'bench-' || n, 'email', 'bench-' || n || '@example.org', 'password', '!'))).*
FROM accounts_user u, generate_series(1, %(count)s) AS n WHERE u.id = %(like)s
RETURNING id;

-- name: copy_polls
-- Polls like the one named, with ids of their own: md5 of the old id and a random mark, so that every table finds the same ones.
INSERT INTO polls
SELECT (jsonb_populate_record(p, jsonb_build_object('id', md5(p.id::text || %(mark)s || n)::uuid, 'slug', %(mark)s || '-' || n,
                                                    'salt', '\x' || md5(%(mark)s || n)))).*
FROM polls p, generate_series(1, %(count)s) AS n WHERE p.id = %(like)s;

-- name: copy_questions
INSERT INTO questions
SELECT (jsonb_populate_record(q, jsonb_build_object('id', md5(q.id::text || %(mark)s || n)::uuid, 'poll_id', md5(q.poll_id::text || %(mark)s || n)::uuid))).*
FROM questions q, generate_series(1, %(count)s) AS n WHERE q.poll_id = %(like)s;

-- name: copy_choices
INSERT INTO choices
SELECT (jsonb_populate_record(c, jsonb_build_object('id', md5(c.id::text || %(mark)s || n)::uuid, 'question_id', md5(c.question_id::text || %(mark)s || n)::uuid))).*
FROM choices c JOIN questions q ON q.id = c.question_id, generate_series(1, %(count)s) AS n WHERE q.poll_id = %(like)s;

-- name: copy_cards
INSERT INTO poll_cards
SELECT (jsonb_populate_record(k, jsonb_build_object(
    'poll_id', md5(k.poll_id::text || %(mark)s || n)::uuid, 'slug', %(mark)s || '-' || n,
    'questions', (SELECT jsonb_agg(q || jsonb_build_object(
                      'id', md5((q ->> 'id') || %(mark)s || n)::uuid,
                      'choices', (SELECT jsonb_agg(c || jsonb_build_object('id', md5((c ->> 'id') || %(mark)s || n)::uuid) ORDER BY place)
                                  FROM jsonb_array_elements(q -> 'choices') WITH ORDINALITY AS e(c, place))))
                  FROM jsonb_array_elements(k.questions) AS q)))).*
FROM poll_cards k, generate_series(1, %(count)s) AS n WHERE k.poll_id = %(like)s;

-- name: copy_projections
-- As if rendered: who reads one first brings it to Redis; a sweep over thousands would only disturb.
INSERT INTO poll_projections
SELECT (jsonb_populate_record(p, jsonb_build_object('poll_id', md5(p.poll_id::text || %(mark)s || n)::uuid, 'rendered_version', p.version))).*
FROM poll_projections p, generate_series(1, %(count)s) AS n WHERE p.poll_id = %(like)s;

-- name: copy_generations
INSERT INTO tally_generations
SELECT (jsonb_populate_record(g, jsonb_build_object('poll_id', md5(g.poll_id::text || %(mark)s || n)::uuid))).*
FROM tally_generations g, generate_series(1, %(count)s) AS n WHERE g.poll_id = %(like)s;

-- name: copy_tallies
INSERT INTO poll_tallies
SELECT (jsonb_populate_record(t, jsonb_build_object('poll_id', md5(t.poll_id::text || %(mark)s || n)::uuid))).*
FROM poll_tallies t, generate_series(1, %(count)s) AS n WHERE t.poll_id = %(like)s;

-- name: copy_question_tallies
INSERT INTO question_tallies
SELECT (jsonb_populate_record(t, jsonb_build_object('poll_id', md5(t.poll_id::text || %(mark)s || n)::uuid,
                                                    'question_id', md5(t.question_id::text || %(mark)s || n)::uuid))).*
FROM question_tallies t, generate_series(1, %(count)s) AS n WHERE t.poll_id = %(like)s;

-- name: copy_choice_tallies
INSERT INTO choice_tallies
SELECT (jsonb_populate_record(t, jsonb_build_object('poll_id', md5(t.poll_id::text || %(mark)s || n)::uuid,
                                                    'choice_id', md5(t.choice_id::text || %(mark)s || n)::uuid))).*
FROM choice_tallies t, generate_series(1, %(count)s) AS n WHERE t.poll_id = %(like)s;

-- name: polls_made
SELECT p.id, q.id, (SELECT array_agg(c.id ORDER BY c.position)::text[] FROM choices c WHERE c.question_id = q.id)
FROM polls p JOIN questions q ON q.poll_id = p.id WHERE p.slug LIKE %(mark)s || '-%%' ORDER BY p.slug;

-- name: cast_votes
-- Votes as the committer would have written them, in the polls named, of voters who never voted, cast within the last minutes.
INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
SELECT (SELECT epoch FROM log_epoch), p.id, gen_random_uuid(), 1, ARRAY[p.choices[1 + floor(random() * cardinality(p.choices))::int]],
       gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), clock_timestamp() - random() * make_interval(mins => %(minutes)s)
FROM generate_series(1, %(count)s) AS n
JOIN (SELECT id, string_to_array(choices, ',')::uuid[] AS choices, number
      FROM unnest(%(polls)s::uuid[], %(choices)s::text[]) WITH ORDINALITY AS u(id, choices, number)) p ON p.number = 1 + n %% %(of)s;

-- name: count_votes
SELECT count(*) FROM votes WHERE poll_id = ANY(%(polls)s::uuid[]);

-- name: count_tallied
SELECT coalesce(sum(t.ballots), 0) FROM poll_tallies t JOIN poll_projections p ON p.poll_id = t.poll_id AND p.generation = t.generation
WHERE t.poll_id = ANY(%(polls)s::uuid[]);

-- name: backlog
-- Votes in batches that no worker has applied, and whether anything is still to be cut.
SELECT (SELECT coalesce(sum(votes), 0) FROM vote_batches WHERE applied_at IS NULL),
       (SELECT true FROM votes v
        WHERE (v.epoch, v.xid, v.id) > ((SELECT epoch FROM relay_cursor), (SELECT xid FROM relay_cursor), (SELECT vote_id FROM relay_cursor))
        ORDER BY v.epoch, v.xid, v.id LIMIT 1) IS NOT NULL;

-- name: unpublished
SELECT count(*) FROM vote_batches WHERE applied_at IS NULL AND published_at IS NULL;

-- name: clock
SELECT clock_timestamp();

-- name: drained
-- How fast batches were applied since a moment: the votes of all but the first, and the seconds from the first to the last.
SELECT coalesce(sum(votes) - (array_agg(votes ORDER BY applied_at))[1], 0), coalesce(extract(epoch FROM max(applied_at) - min(applied_at)), 0)::float, count(*)
FROM vote_batches WHERE applied_at >= %(since)s;

-- name: stamps
-- When each vote of a poll was judged and stamped, just before its commit, in seconds since 1970.
SELECT extract(epoch FROM cast_at)::float FROM votes WHERE poll_id = %(poll)s ORDER BY cast_at;

-- name: log_size
SELECT (SELECT count(*) FROM votes), (SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'votes'::regclass);
