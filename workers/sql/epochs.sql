-- name: be_durable
-- Whatever the cluster's own setting is.
SET LOCAL synchronous_commit = on;

-- name: close_intake
-- Waits for whoever votes, edits, counts or cuts, and lets nobody begin until the transaction ends.
LOCK TABLE polls, votes, poll_cards, poll_projections, relay_cursor IN EXCLUSIVE MODE;

-- name: see
-- Where the log and this server stand. Ordered, because EXISTS would now and then read the whole log only to find that nothing is left.
SELECT e.epoch, e.system_identifier, c.system_identifier, greatest(r.epoch, r.drained_epoch),
       (CASE WHEN r.drained_epoch >= r.epoch THEN r.drained_xid ELSE r.xid END)::text, r.seq,
       pg_snapshot_xmax(pg_current_snapshot())::text,
       (SELECT count(*) FROM poll_cards WHERE sealed_at IS NOT NULL AND NOT final), (SELECT count(*) FROM poll_projections),
       (SELECT true FROM votes v WHERE (v.epoch, v.xid, v.id) > (r.epoch, r.xid, r.vote_id) ORDER BY v.epoch, v.xid, v.id LIMIT 1) IS NOT NULL
FROM log_epoch e CROSS JOIN pg_control_system() c CROSS JOIN relay_cursor r;

-- name: begin_epoch
-- From here on the log's rows carry the next epoch, and this server is the one that holds it.
UPDATE log_epoch SET epoch = greatest(epoch + 1, %(wanted)s), system_identifier = (SELECT system_identifier FROM pg_control_system()) RETURNING epoch;

-- name: forget_drops
-- Likewise what waits for transactions of the old counter: it waits anew.
UPDATE tally_rebuilds SET drop_after = NULL WHERE drop_after IS NOT NULL;

-- name: move_poll_barriers
-- A barrier of the old counter says nothing on this server; everything of an earlier epoch lies before the beginning of this one.
UPDATE polls p SET barrier_epoch = %(epoch)s, barrier_xid = '0' FROM poll_cards c WHERE c.poll_id = p.id AND p.sealed_at IS NOT NULL AND NOT c.final;

-- name: move_card_barriers
UPDATE poll_cards SET barrier_epoch = %(epoch)s, barrier_xid = '0' WHERE sealed_at IS NOT NULL AND NOT final;

-- name: lift_versions
-- Above every version that a reader can have seen before the restore, also where the same backup was restored before, and not rendered yet.
UPDATE poll_projections
SET version = CASE WHEN version < %(epoch)s::bigint * %(versions_of_an_epoch)s THEN %(epoch)s::bigint * %(versions_of_an_epoch)s ELSE version + %(lift)s END;
