-- name: look
-- Is there anything to cut? Writes nothing and takes no transaction id, so that an idle relay costs the counter nothing. Also a clock with the
-- counter that goes with it: every vote committed before the clock has an xid below the counter. Prepared, because planning it over sixteen
-- partitions takes ten times as long as running it.
PREPARE look AS
WITH here AS MATERIALIZED (SELECT r.epoch, r.xid, r.vote_id, r.drained_epoch, r.drained_xid, e.epoch AS present,
                                  pg_snapshot_xmin(pg_current_snapshot()) AS horizon, pg_snapshot_xmax(pg_current_snapshot()) AS counter
                           FROM (SELECT * FROM relay_cursor LIMIT 1) r CROSS JOIN (SELECT epoch FROM log_epoch LIMIT 1) e)
SELECT statement_timestamp(), here.present, here.counter::text,
       (SELECT true FROM votes v
        WHERE (v.epoch, v.xid, v.id) > ((SELECT epoch FROM here), (SELECT xid FROM here), (SELECT vote_id FROM here))
          AND (v.epoch, v.xid) < ((SELECT present FROM here), (SELECT horizon FROM here))
        ORDER BY v.epoch, v.xid, v.id LIMIT 1) IS NOT NULL AS votes,
       EXISTS (SELECT FROM poll_cards c WHERE c.sealed_at IS NOT NULL AND NOT c.final) AS awaiting_final,
       (here.drained_epoch, here.drained_xid) < (here.present, here.horizon)
       AND EXISTS (SELECT FROM poll_cards c WHERE c.sealed_at IS NOT NULL AND NOT c.final
                   AND (c.barrier_epoch, c.barrier_xid) > (here.drained_epoch, here.drained_xid)) AS undrained,
       (SELECT count(*) FROM (SELECT FROM vote_batches WHERE applied_at IS NULL LIMIT 64) u) AS backlog
FROM here;

-- name: lock_cursor
-- The first statement of a cut: whoever holds this row cuts, and nobody else.
SELECT seq FROM relay_cursor FOR UPDATE;

-- name: cut
-- The second and last statement of a cut. Horizon and rows are of one snapshot: read apart, polls become final too early. At a full limit only
-- what lies before the last row's transaction is drained; an empty cut moves `drained` too, or polls would never become final.
-- Parameters: the limit; clocks with their epochs and counters.
PREPARE cut(int, timestamptz[], int[], text[]) AS
WITH here AS MATERIALIZED (SELECT e.epoch AS present, pg_snapshot_xmin(pg_current_snapshot()) AS horizon,
                                  r.epoch, r.xid, r.vote_id, r.seq, r.as_of
                           FROM (SELECT epoch FROM log_epoch LIMIT 1) e CROSS JOIN (SELECT * FROM relay_cursor LIMIT 1) r),
fresh AS MATERIALIZED (
    SELECT v.epoch, v.xid, v.id, v.poll_id, v.choices, v.cast_at, v.replaces, v.replaced_cast_at
    FROM votes v
    WHERE (v.epoch, v.xid, v.id) > ((SELECT epoch FROM here), (SELECT xid FROM here), (SELECT vote_id FROM here))
      AND (v.epoch, v.xid) < ((SELECT present FROM here), (SELECT horizon FROM here))
    ORDER BY v.epoch, v.xid, v.id LIMIT $1),
counted AS MATERIALIZED (SELECT count(*)::int AS votes, min(cast_at) AS first_cast_at FROM fresh),
last AS MATERIALIZED (SELECT epoch, xid, id FROM fresh ORDER BY epoch DESC, xid DESC, id DESC LIMIT 1),
changes AS (SELECT poll_id, choices, date_trunc('minute', cast_at) AS minute, 1 AS n FROM fresh WHERE choices IS NOT NULL
            UNION ALL
            SELECT poll_id, replaces, date_trunc('minute', replaced_cast_at), -1 FROM fresh WHERE replaces IS NOT NULL),
multiset AS (SELECT poll_id, choices, minute, sum(n) AS n FROM changes GROUP BY poll_id, choices, minute HAVING sum(n) <> 0),
reached AS MATERIALIZED (
    SELECT CASE WHEN counted.votes < $1 THEN here.present ELSE last.epoch END AS drained_epoch,
           CASE WHEN counted.votes < $1 THEN here.horizon ELSE last.xid END AS drained_xid
    FROM here CROSS JOIN counted LEFT JOIN last ON true),
clock AS MATERIALIZED (
    SELECT greatest(here.as_of, (SELECT max(k.clock) FROM unnest($2, $3, $4) AS k(clock, epoch, counter)
                                 WHERE (k.epoch, k.counter::xid8) <= (reached.drained_epoch, reached.drained_xid))) AS as_of
    FROM here CROSS JOIN reached),
batch AS (
    INSERT INTO vote_batches (id, seq, start_epoch, start_xid, start_id, end_epoch, end_xid, end_id, votes, payload, as_of, first_cast_at, cut_at, publications)
    SELECT gen_random_uuid(), here.seq + 1, here.epoch, here.xid, here.vote_id, last.epoch, last.xid, last.id, counted.votes,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(poll_id, choices, extract(epoch FROM minute)::bigint, n)), '[]') FROM multiset),
           clock.as_of, counted.first_cast_at, clock_timestamp(), 0
    FROM here CROSS JOIN last CROSS JOIN counted CROSS JOIN clock
    RETURNING id)
UPDATE relay_cursor r
SET epoch = coalesce(last.epoch, r.epoch), xid = coalesce(last.xid, r.xid), vote_id = coalesce(last.id, r.vote_id),
    seq = r.seq + (last.id IS NOT NULL)::int, drained_epoch = reached.drained_epoch, drained_xid = reached.drained_xid, as_of = clock.as_of
FROM counted CROSS JOIN reached CROSS JOIN clock LEFT JOIN last ON true
RETURNING counted.votes, (SELECT id FROM batch), r.seq, r.drained_epoch, r.drained_xid::text;

-- name: lease
-- A few batches to be published: those never published, and those not applied some time after they were. Other publishers pass over them.
-- MATERIALIZED, here and below: a join may run a subquery again for every row, and then its limit and its locks slide along.
WITH due AS MATERIALIZED (
    SELECT id FROM vote_batches
    WHERE applied_at IS NULL
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
      AND (published_at IS NULL
           OR published_at < statement_timestamp() - make_interval(secs => least(%(republish_seconds)s * power(2, least(publications - 1, 20)), %(longest_seconds)s)))
    ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE vote_batches b SET lease_until = statement_timestamp() + make_interval(secs => %(lease_seconds)s)
FROM due WHERE b.id = due.id
RETURNING b.seq, b.id, b.end_epoch;

-- name: end_leases
-- Whoever takes the lead does not wait for what its predecessor leased and, it may be, died with. Passes over those that are being applied.
WITH leased AS MATERIALIZED (SELECT id FROM vote_batches WHERE applied_at IS NULL AND lease_until IS NOT NULL FOR UPDATE SKIP LOCKED)
UPDATE vote_batches b SET lease_until = NULL FROM leased WHERE b.id = leased.id;

-- name: mark_published
-- Passes over those that are being applied at this moment: the mark is a hint, and a worker that hangs must not stop the relay.
WITH free AS MATERIALIZED (SELECT id FROM vote_batches WHERE id = ANY(%(ids)s::uuid[]) FOR UPDATE SKIP LOCKED)
UPDATE vote_batches b SET published_at = statement_timestamp(), publications = b.publications + 1, lease_until = NULL
FROM free WHERE b.id = free.id;

-- name: give_back
-- Not confirmed: due again a little later.
WITH free AS MATERIALIZED (SELECT id FROM vote_batches WHERE id = ANY(%(ids)s::uuid[]) AND applied_at IS NULL FOR UPDATE SKIP LOCKED)
UPDATE vote_batches b SET lease_until = statement_timestamp() + make_interval(secs => %(seconds)s)
FROM free WHERE b.id = free.id;

-- name: polls_to_seal
-- Polls whose time has passed by the clock that judges votes, and whose row does not say so yet.
SELECT id FROM polls WHERE sealed_at IS NULL AND NOT draft AND closes_at <= statement_timestamp() ORDER BY closes_at LIMIT %(limit)s;

-- name: polls_to_finish
-- Sealed polls of which everything before the barrier has been cut and counted: cursor, batches and cards of one snapshot. A batch begins where the
-- last vote before it lies, so one that begins at the barrier or later holds nothing from before it.
SELECT c.poll_id FROM poll_cards c CROSS JOIN relay_cursor r
WHERE c.sealed_at IS NOT NULL AND NOT c.final
  AND (r.drained_epoch, r.drained_xid) >= (c.barrier_epoch, c.barrier_xid)
  AND NOT EXISTS (SELECT FROM vote_batches b WHERE b.applied_at IS NULL AND (b.start_epoch, b.start_xid) < (c.barrier_epoch, c.barrier_xid))
ORDER BY c.poll_id LIMIT %(limit)s;

-- name: make_final
-- Says so, for one poll, if it still holds; and as everything that will ever be in it is in, this very moment belongs to the version.
WITH done AS (
    UPDATE poll_cards c SET final = true
    FROM relay_cursor r
    WHERE c.poll_id = %(poll_id)s AND c.sealed_at IS NOT NULL AND NOT c.final
      AND (r.drained_epoch, r.drained_xid) >= (c.barrier_epoch, c.barrier_xid)
      AND NOT EXISTS (SELECT FROM vote_batches b WHERE b.applied_at IS NULL AND (b.start_epoch, b.start_xid) < (c.barrier_epoch, c.barrier_xid))
    RETURNING c.poll_id)
UPDATE poll_projections p SET version = p.version + 1, as_of = greatest(p.as_of, statement_timestamp())
FROM done WHERE p.poll_id = done.poll_id
RETURNING p.poll_id;

-- name: counted_so_far
-- The epoch, and the last batch before the first that is not applied. That it was applied was on disk before anybody could see it, so no crash takes it back.
SELECT e.epoch, coalesce((SELECT min(b.seq) - 1 FROM vote_batches b WHERE b.applied_at IS NULL), r.seq) FROM log_epoch e CROSS JOIN relay_cursor r;

-- name: unapplied_batches
-- What is cut and not in the results, for people to look at.
SELECT id, end_epoch, seq, votes, cut_at, published_at, publications, applied_at FROM vote_batches WHERE applied_at IS NULL ORDER BY seq;

-- name: batch_named
-- By its id or its number, whichever the name could be.
SELECT id, end_epoch, seq, votes, cut_at, published_at, publications, applied_at FROM vote_batches WHERE id = %(id)s::uuid OR seq = %(seq)s::bigint;
