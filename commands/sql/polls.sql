-- The statements under which a poll's row changes. Each runs by itself: a lock and what is decided under it never share a statement,
-- because a statement sees the snapshot from before it waited.

-- name: bound_waiting
-- Waits for locks end after the given time (text with its unit), in this transaction only.
SELECT set_config('lock_timeout', %s, true);

-- name: lock_out_voters
-- First: the exclusive side of the lock that every group of votes takes shared, so that new groups queue behind us.
SELECT pg_advisory_xact_lock(hashtextextended(%s::uuid::text, 7));

-- name: go_along_with_voters
-- Instead: the shared side, as every group of votes takes it, so that a waiting close is not overtaken.
SELECT pg_advisory_xact_lock_shared(hashtextextended(%s::uuid::text, 7));

-- name: read_shared
-- The poll, which nobody changes until we end.
SELECT * FROM polls WHERE id = %s FOR SHARE;

-- name: read_clock
-- The database's clock now, not when the transaction began.
SELECT clock_timestamp();

-- name: has_votes
-- Whether anything was ever cast in the poll; ends at the first row of the index. In its order, or a poll that has most of the log's votes is looked for
-- from the log's beginning, where they need not be.
SELECT (SELECT true FROM votes WHERE poll_id = %s ORDER BY voter_key, revision LIMIT 1) IS NOT NULL;

-- name: seal
-- Closes the poll for good. Under the locks of earlier statements, so every vote that can still count began before the barrier.
UPDATE polls
SET sealed_at = clock_timestamp(),
    barrier_epoch = (SELECT epoch FROM log_epoch),
    barrier_xid = pg_snapshot_xmax(pg_current_snapshot())
WHERE id = %s AND sealed_at IS NULL
RETURNING sealed_at, barrier_epoch, barrier_xid::text;

-- name: closed_with_salt
-- Polls closed at least so many seconds ago whose voters are not forgotten.
SELECT id FROM polls WHERE sealed_at <= clock_timestamp() - %s * interval '1 second' AND salt <> ''::bytea;

-- name: destroy_salt
-- Under the poll's locks. Nothing can be cast any more, so nothing is ever keyed with the empty salt.
UPDATE polls SET salt = ''::bytea WHERE id = %s AND sealed_at IS NOT NULL;

-- name: clear_away
-- Until this a former version of a row can be found again by whoever reads the table's file, and until `rewrite` the bytes it consisted of.
VACUUM polls;

-- name: rewrite
-- A new file with the present rows only. Nobody reads the table or votes meanwhile.
VACUUM FULL polls;

-- name: present_moment
SELECT pg_current_xact_id()::text::xid;

-- name: is_past_still_seen
-- Whether a rewrite would have to copy what the table was before a moment. First a transaction that began earlier, in any database, because the rewrite's own
-- snapshot reaches back to it; only after that look the snapshots: none can be taken any more that reach further back. Those of other roles count as
-- far as ours may see them. Vacuums hold up nobody.
SELECT EXISTS (
    SELECT FROM (
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::xid
        UNION ALL SELECT backend_xmin FROM pg_stat_activity
                  WHERE pid <> pg_backend_pid() AND coalesce(datname = current_database(), true) AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
        UNION ALL SELECT xmin FROM pg_replication_slots) AS past(xmin)
    WHERE age(xmin) >= age(%s::xid));
