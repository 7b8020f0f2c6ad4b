-- name: read_progress
-- How far the results are behind: the oldest vote not counted yet is either not cut (found by the tail's index) or in a batch not applied; and how
-- old the oldest transaction is that keeps votes from being cut: anywhere in the cluster, prepared ones too. Also what the last audits of polls found.
SELECT statement_timestamp(),
       (SELECT v.cast_at FROM votes v
        WHERE (v.epoch, v.xid, v.id) > ((SELECT epoch FROM relay_cursor), (SELECT xid FROM relay_cursor), (SELECT vote_id FROM relay_cursor))
        ORDER BY v.epoch, v.xid, v.id LIMIT 1),
       (SELECT min(first_cast_at) FROM vote_batches WHERE applied_at IS NULL),
       (SELECT count(*) FROM vote_batches WHERE applied_at IS NULL),
       least((SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()),
             (SELECT min(prepared) FROM pg_prepared_xacts)),
       (SELECT count(*) FROM poll_audits WHERE differences <> '[]'),
       (SELECT max(audited_at) FROM poll_audits);
