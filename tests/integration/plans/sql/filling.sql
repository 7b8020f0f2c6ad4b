-- Fills every table that grows, as a server looks after an old poll, a hot one, and a night of small ones. Ids follow from names, so that tests can name them.

-- name: users
INSERT INTO accounts_user (id, password, is_superuser, username, email, is_staff, is_active, date_joined, first_name, last_name, token_generation)
SELECT md5('user ' || n)::uuid, '!', false, 'user-' || n, 'user-' || n || '@example.org', false, true, now(), '', '', 0
FROM generate_series(1, 1000) AS n;

-- name: polls
-- Each owner has a few. The newest tenth is closed, of those a few wait to become final; one is due to be sealed.
INSERT INTO polls (id, slug, owner_id, title, description, voters, results, changeable, listed, draft, opens_at, closes_at, sealed_at, barrier_epoch, barrier_xid,
                   salt, rules_version, created_at)
SELECT md5('poll ' || n)::uuid, 'poll-' || n, md5('user ' || 1 + n % 1000)::uuid, 'Poll ' || n, '', CASE WHEN n = 3 THEN 'code' ELSE 'session' END, 'always', true,
       true, false, NULL, CASE WHEN n > 3600 THEN now() - interval '1 hour' WHEN n > 3000 THEN now() + n * interval '1 hour' END,
       CASE WHEN n BETWEEN 3601 AND 3995 THEN now() END, CASE WHEN n BETWEEN 3601 AND 3995 THEN 1 END, CASE WHEN n BETWEEN 3601 AND 3995 THEN '5'::xid8 END,
       decode(md5('salt ' || n), 'hex'), 1, now() - (4000 - n) * interval '1 minute'
FROM generate_series(1, 4000) AS n;

-- name: questions
INSERT INTO questions (id, poll_id, position, text, kind, min_choices, max_choices)
SELECT md5('question ' || n)::uuid, md5('poll ' || n)::uuid, 0, 'Which?', 'single', 1, 1 FROM generate_series(1, 4000) AS n;

-- name: choices
INSERT INTO choices (id, question_id, position, text)
SELECT md5('choice ' || n || ' ' || c)::uuid, md5('question ' || n)::uuid, c, 'Choice ' || c FROM generate_series(1, 4000) AS n, generate_series(1, 3) AS c;

-- name: codes
INSERT INTO voter_codes (poll_id, code_hash)
SELECT md5('poll ' || CASE WHEN n <= 5000 THEN 3 ELSE 4 + n % 50 END)::uuid, md5('code ' || n)::uuid FROM generate_series(1, 10000) AS n;

-- name: cards
INSERT INTO poll_cards (poll_id, slug, title, description, owner_id, owner_username, voters, results, changeable, listed, draft, created_at, opens_at, closes_at,
                        sealed_at, barrier_epoch, barrier_xid, questions, final)
SELECT p.id, p.slug, p.title, p.description, p.owner_id, u.username, p.voters, p.results, p.changeable, p.listed, p.draft, p.created_at, p.opens_at, p.closes_at,
       p.sealed_at, p.barrier_epoch, p.barrier_xid,
       (SELECT jsonb_agg(jsonb_build_object('id', q.id, 'text', q.text, 'kind', q.kind, 'min_choices', 1, 'max_choices', 1, 'choices',
                                            (SELECT jsonb_agg(jsonb_build_object('id', c.id, 'text', c.text) ORDER BY c.position)
                                             FROM choices c WHERE c.question_id = q.id)))
        FROM questions q WHERE q.poll_id = p.id),
       p.sealed_at IS NOT NULL AND p.slug < 'poll-3990'
FROM polls p JOIN accounts_user u ON u.id = p.owner_id;

-- name: projections
-- Two are not rendered yet.
INSERT INTO poll_projections (poll_id, version, generation, rendered_version, as_of)
SELECT md5('poll ' || n)::uuid, 7, 1, CASE WHEN n <= 2 THEN 6 ELSE 7 END, now() FROM generate_series(1, 4000) AS n;

-- name: generations
-- The hot poll is being rebuilt.
INSERT INTO tally_generations (poll_id, generation, boundary, fed)
SELECT md5('poll ' || n)::uuid, 1, 0, true FROM generate_series(1, 4000) AS n UNION ALL SELECT md5('poll 1')::uuid, 2, 9000, true;

-- name: poll_tallies
INSERT INTO poll_tallies (poll_id, generation, ballots) SELECT poll_id, generation, 10 FROM tally_generations;

-- name: question_tallies
INSERT INTO question_tallies (poll_id, generation, question_id, ballots)
SELECT g.poll_id, g.generation, q.id, 10 FROM tally_generations g JOIN questions q USING (poll_id);

-- name: choice_tallies
INSERT INTO choice_tallies (poll_id, generation, choice_id, votes)
SELECT g.poll_id, g.generation, c.id, 10 FROM tally_generations g JOIN questions q USING (poll_id) JOIN choices c ON c.question_id = q.id;

-- name: minute_tallies
INSERT INTO minute_tallies (poll_id, generation, minute, ballots)
SELECT g.poll_id, g.generation, date_trunc('minute', now()) - m * interval '1 minute', 1
FROM tally_generations g, generate_series(1, 2000) AS m WHERE m <= CASE WHEN g.poll_id = md5('poll 1')::uuid THEN 2000 ELSE 2 END;

-- name: rebuilds
INSERT INTO tally_rebuilds (poll_id, generation, replaces, boundary, end_epoch, end_xid, end_id, filled_voter_key, filled_revision, rows_read, state)
SELECT md5('poll ' || n)::uuid, 2, 1, 9000, 1, '360', 36000, md5('voter ' || n)::uuid, 1, 0, CASE WHEN n = 1 THEN 'filling' ELSE 'retired' END
FROM generate_series(1, 2000) AS n;

-- name: audits
-- One is under way, one found something.
INSERT INTO poll_audits (poll_id, audited_at, differences, under_way)
SELECT md5('poll ' || n)::uuid, now() - n * interval '1 minute', CASE WHEN n = 7 THEN '[{}]' ELSE '[]' END::jsonb, CASE WHEN n = 8 THEN '{}'::jsonb END
FROM generate_series(1, 3000) AS n;

-- name: votes
-- The old poll's lie before the hot one's, as in any log; then come the small ones'. Every hundred committed together.
INSERT INTO votes (id, epoch, xid, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
SELECT n, 1, (1 + n / 100)::text::xid8, md5('poll ' || p)::uuid, md5('voter ' || n)::uuid, 1, ARRAY[md5('choice ' || p || ' 1')::uuid],
       gen_random_uuid(), md5('request ' || n)::uuid, gen_random_uuid(), now() - (42000 - n) * interval '1 second'
FROM (SELECT n, CASE WHEN n <= 10000 THEN 2 WHEN n <= 35000 THEN 1 ELSE 5 + n % 100 END AS p FROM generate_series(1, 41000) AS n) log;

-- name: changes
INSERT INTO votes (id, epoch, xid, poll_id, voter_key, revision, choices, replaces, replaced_cast_at, receipt, request_key, request_digest, cast_at)
SELECT n, 1, (1 + n / 100)::text::xid8, md5('poll 1')::uuid, md5('voter ' || n - 30000)::uuid, 2, ARRAY[md5('choice 1 2')::uuid], ARRAY[md5('choice 1 1')::uuid], now(),
       gen_random_uuid(), md5('request ' || n)::uuid, gen_random_uuid(), now()
FROM generate_series(41001, 42000) AS n;

-- name: batches
-- Four votes each. All but the last few are counted, the oldest long ago; of those that are not, some wait for the broker.
INSERT INTO vote_batches (id, seq, start_epoch, start_xid, start_id, end_epoch, end_xid, end_id, votes, payload, as_of, first_cast_at, cut_at, lease_until,
                          published_at, publications, applied_at)
SELECT md5('batch ' || n)::uuid, n, 1, (1 + 4 * (n - 1) / 100)::text::xid8, 4 * (n - 1), 1, (1 + 4 * n / 100)::text::xid8, 4 * n, 4,
       jsonb_build_array(jsonb_build_array(md5('poll ' || n % 4000)::uuid, ARRAY[md5('choice ' || n % 4000 || ' 1')::uuid], 1700000000, 4)),
       at, at, at, NULL, CASE WHEN n <= 9980 THEN at END, (n <= 9980)::int, CASE WHEN n <= 9970 THEN at END
FROM (SELECT n, now() - (10000 - n) * interval '2 minutes' AS at FROM generate_series(1, 10000) AS n) made;

-- name: cursor
-- Two thousand votes are not cut yet.
UPDATE relay_cursor SET epoch = 1, xid = '401', vote_id = 40000, seq = 10000, drained_epoch = 1, drained_xid = '401', as_of = now();
