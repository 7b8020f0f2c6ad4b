-- The log itself, counted once more, and what the tallies say beside it. Nothing that a reader waits for runs these.

-- name: read_chunk
-- One poll's rows of the log after a place, in the order of its unique index, and what they add up to as far as they lie at or before a position.
-- Rows up to a position that has been cut never change and no more of them appear, so a count may take its time, chunk by chunk.
WITH chunk AS MATERIALIZED (
    SELECT voter_key, revision, epoch, xid, id, choices, cast_at, replaces, replaced_cast_at
    FROM votes
    WHERE poll_id = %(poll_id)s AND (voter_key, revision) > (%(voter_key)s, %(revision)s)
    ORDER BY voter_key, revision LIMIT %(limit)s),
cut AS MATERIALIZED (SELECT * FROM chunk WHERE (epoch, xid, id) <= (%(end_epoch)s, %(end_xid)s::text::xid8, %(end_id)s)),
changes AS (SELECT choices, date_trunc('minute', cast_at) AS minute, 1 AS n FROM cut WHERE choices IS NOT NULL
            UNION ALL
            SELECT replaces, date_trunc('minute', replaced_cast_at), -1 FROM cut WHERE replaces IS NOT NULL),
multiset AS (SELECT choices, minute, sum(n) AS n FROM changes GROUP BY choices, minute HAVING sum(n) <> 0)
SELECT (SELECT count(*) FROM chunk), last.voter_key, last.revision,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(%(poll_id)s::uuid, choices, extract(epoch FROM minute)::bigint, n)), '[]')::text FROM multiset)
FROM (SELECT) one LEFT JOIN (SELECT voter_key, revision FROM chunk ORDER BY voter_key DESC, revision DESC LIMIT 1) last ON true;

-- name: read_standing
-- What generations of a poll hold, what has been cut and will still be fed to them, and the position up to which both together are the log:
-- one statement, so one snapshot.
SELECT g.generation, g.fed, p.version, p.generation, r.seq, r.epoch, r.xid::text, r.vote_id, c.questions::text,
       coalesce((SELECT t.ballots FROM poll_tallies t WHERE t.poll_id = g.poll_id AND t.generation = g.generation), 0),
       (SELECT coalesce(json_object_agg(t.question_id, t.ballots), '{}')::text FROM question_tallies t WHERE t.poll_id = g.poll_id AND t.generation = g.generation),
       (SELECT coalesce(json_object_agg(t.choice_id, t.votes), '{}')::text FROM choice_tallies t WHERE t.poll_id = g.poll_id AND t.generation = g.generation),
       (SELECT coalesce(json_object_agg(extract(epoch FROM t.minute)::bigint, t.ballots), '{}')::text
        FROM minute_tallies t WHERE t.poll_id = g.poll_id AND t.generation = g.generation),
       (SELECT coalesce(jsonb_agg(entry), '[]')::text
        FROM vote_batches b CROSS JOIN LATERAL jsonb_array_elements(b.payload) AS entry
        WHERE b.applied_at IS NULL AND b.seq > g.boundary AND entry ->> 0 = g.poll_id::text)
FROM tally_generations g
JOIN poll_projections p ON p.poll_id = g.poll_id
JOIN poll_cards c ON c.poll_id = g.poll_id
CROSS JOIN relay_cursor r
WHERE g.poll_id = %(poll_id)s;

-- name: polls_by_id
-- Polls after a given one, in order of their ids.
SELECT poll_id FROM poll_projections WHERE poll_id > %(after)s ORDER BY poll_id LIMIT %(limit)s;

-- name: polls_by_lot
-- Some polls, each as likely as any other.
SELECT poll_id FROM poll_projections ORDER BY random() LIMIT %(limit)s;

-- name: polls_named
-- Polls by their slug, or their id where the name could be one.
SELECT poll_id FROM poll_cards WHERE poll_id = %(id)s::uuid OR slug = %(slug)s;

-- name: audit_under_way
SELECT poll_id, under_way::text FROM poll_audits WHERE under_way IS NOT NULL ORDER BY poll_id LIMIT 1;

-- name: next_audits
-- Whom the schedule looks at next, half and half: polls that were never looked at, and those whose turn was longest ago
-- and not just now.
(SELECT p.poll_id, row_number() OVER (ORDER BY p.poll_id) AS turn
 FROM poll_projections p WHERE NOT EXISTS (SELECT FROM poll_audits a WHERE a.poll_id = p.poll_id) ORDER BY p.poll_id LIMIT %(limit)s)
UNION ALL
(SELECT a.poll_id, row_number() OVER (ORDER BY a.audited_at)
 FROM poll_audits a WHERE a.audited_at < clock_timestamp() - make_interval(secs => %(rest_seconds)s) ORDER BY a.audited_at LIMIT %(limit)s)
ORDER BY turn LIMIT %(limit)s;

-- name: save_audit
INSERT INTO poll_audits (poll_id, audited_at, differences, under_way) VALUES (%(poll_id)s, clock_timestamp(), %(differences)s, NULL)
ON CONFLICT (poll_id) DO UPDATE SET audited_at = excluded.audited_at, differences = excluded.differences, under_way = NULL;

-- name: save_under_way
INSERT INTO poll_audits (poll_id, under_way) VALUES (%(poll_id)s, %(under_way)s)
ON CONFLICT (poll_id) DO UPDATE SET under_way = excluded.under_way;

-- name: forget_audit
-- What was found no longer holds; the schedule looks again soon.
DELETE FROM poll_audits WHERE poll_id = %(poll_id)s;

-- name: number_of_polls
SELECT count(*) FROM poll_projections;
