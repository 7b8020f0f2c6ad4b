-- The statements of the vote log. Parameters are arrays of equal length, one element a request; op is C (POST), R (PUT) or W (DELETE).

-- name: judged
-- How both statements that append begin: the requests (j) of those polls that take votes at this moment (t), by the rules they were judged by.
-- The order matters: shared advisory locks (so that a waiting close is not overtaken for ever), one instant that judges and stamps, the polls
-- FOR SHARE (so that no vote commits after a close has committed).
WITH r AS MATERIALIZED (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        AS r(op, poll_id, voter_key, choices, rules_version, receipt, request_key, request_digest)
),
asked AS MATERIALIZED (SELECT DISTINCT poll_id FROM r),
a AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(h) FROM (SELECT DISTINCT hashtextextended(poll_id::text, 7) AS h FROM asked ORDER BY 1) s
),
t AS MATERIALIZED (SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM a) z),
p AS MATERIALIZED (
    SELECT id, rules_version, changeable FROM polls
    WHERE id = ANY(ARRAY(SELECT poll_id FROM asked)) AND NOT draft AND sealed_at IS NULL
      AND coalesce((SELECT at FROM t) >= opens_at, true) AND coalesce((SELECT at FROM t) < closes_at, true)
    ORDER BY id FOR SHARE
),
j AS (SELECT r.*, p.changeable FROM r JOIN p ON p.id = r.poll_id AND p.rules_version = r.rules_version);

-- name: append_votes
-- Appends one group of votes: at most one request per (poll, voter). Returns a row for each that was written.
-- Rows are sorted, so that groups of two processes cannot deadlock.
PREPARE append_votes(text[], uuid[], uuid[], text[], int[], uuid[], uuid[], uuid[]) AS
/* judged */
INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, replaces, replaced_cast_at, receipt, request_key, request_digest, cast_at)
SELECT (SELECT epoch FROM log_epoch), j.poll_id, j.voter_key, coalesce(l.revision, 0) + 1,
       CASE WHEN op <> 'W' THEN j.choices::uuid[] END, l.choices, CASE WHEN l.choices IS NOT NULL THEN l.cast_at END,
       receipt, request_key, request_digest, (SELECT at FROM t)
FROM j
LEFT JOIN LATERAL (
    SELECT revision, choices, cast_at FROM votes v
    WHERE v.poll_id = j.poll_id AND v.voter_key = j.voter_key
    ORDER BY revision DESC LIMIT 1
) l ON true
WHERE CASE WHEN op = 'C' THEN l.choices IS NULL ELSE j.changeable AND l.choices IS NOT NULL END
ORDER BY j.poll_id, j.voter_key
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(receipt), 'hex'), id, epoch, xid::text, cast_at::text;

-- name: append_votes_first
-- The same for votes that are cast, as if nobody had voted before: whoever has, has a first revision already, since nothing is ever deleted, and is
-- not written. It saves looking for a former vote in every partition, which `append_votes` does for those that are left.
PREPARE append_votes_first(text[], uuid[], uuid[], text[], int[], uuid[], uuid[], uuid[]) AS
/* judged */
INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
SELECT (SELECT epoch FROM log_epoch), j.poll_id, j.voter_key, 1, j.choices::uuid[], receipt, request_key, request_digest, (SELECT at FROM t)
FROM j
WHERE op = 'C'
ORDER BY j.poll_id, j.voter_key
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(receipt), 'hex'), id, epoch, xid::text, cast_at::text;

-- name: look_up
-- What the log and the poll say about each request, whether it was written or not: the row of its request key, the voter's last row, the poll's rules.
-- There is one row of a request key at most; the limit keeps it to one look into the index for each, where a join might read the whole log.
PREPARE look_up(uuid[], uuid[], uuid[]) AS
SELECT r.ordinality - 1,
       k.receipt, k.request_digest, k.epoch, k.xid::text, k.id, k.cast_at,
       l.receipt, l.epoch, l.xid::text, l.id, l.cast_at, l.choices::text[],
       p.id IS NOT NULL, p.rules_version, p.changeable,
       p.id IS NOT NULL AND NOT p.draft AND p.sealed_at IS NULL
           AND coalesce(c.at >= p.opens_at, true) AND coalesce(c.at < p.closes_at, true)
FROM (SELECT clock_timestamp() AS at) c, unnest($1, $2, $3) WITH ORDINALITY AS r(poll_id, voter_key, request_key, ordinality)
LEFT JOIN LATERAL (
    SELECT receipt, request_digest, epoch, xid, id, cast_at FROM votes v
    WHERE v.poll_id = r.poll_id AND v.voter_key = r.voter_key AND v.request_key = r.request_key
    LIMIT 1
) k ON true
LEFT JOIN LATERAL (
    SELECT receipt, epoch, xid, id, cast_at, choices FROM votes v
    WHERE v.poll_id = r.poll_id AND v.voter_key = r.voter_key
    ORDER BY revision DESC LIMIT 1
) l ON true
LEFT JOIN polls p ON p.id = r.poll_id;

-- name: poll_rules
-- The rules of polls as votes are judged by them, questions and choices in their order.
SELECT p.id, p.voters, p.changeable, p.draft, p.opens_at, p.closes_at, p.sealed_at, p.salt, p.rules_version, p.owner_id,
       (SELECT json_agg(json_build_array(q.id, q.min_choices, q.max_choices,
                                         (SELECT json_agg(c.id ORDER BY c.position) FROM choices c WHERE c.question_id = q.id)) ORDER BY q.position)
        FROM questions q WHERE q.poll_id = p.id)
FROM polls p WHERE p.id = ANY(%s);
