-- The steps of rebuilding a poll's tallies, each in a short transaction of its own.

-- name: lock_cursor
-- The first statement of a rebuild. The boundary is what the locked row itself returns: asked for in another statement, or before the lock,
-- a batch cut meanwhile is counted twice or not at all.
SELECT seq, epoch, xid::text, vote_id FROM relay_cursor FOR UPDATE;

-- name: find_rebuild
-- The rebuild of this generation; without one, that of the poll which has not ended, else the last one.
SELECT poll_id, generation, replaces, boundary, end_epoch, end_xid::text, end_id, filled_voter_key, filled_revision, rows_read, state, drift
FROM tally_rebuilds WHERE poll_id = %(poll_id)s AND generation = coalesce(%(generation)s, generation) ORDER BY generation DESC LIMIT 1;

-- name: lock_rebuild
-- As find_rebuild; whoever takes a step holds the row, so that two who rebuild one poll at once take turns.
SELECT poll_id, generation, replaces, boundary, end_epoch, end_xid::text, end_id, filled_voter_key, filled_revision, rows_read, state, drift
FROM tally_rebuilds WHERE poll_id = %(poll_id)s AND generation = coalesce(%(generation)s, generation) ORDER BY generation DESC LIMIT 1 FOR UPDATE;

-- name: begin_generation
-- The next generation, fed with every batch after the boundary. Numbers are never used twice: what a straggler may still write to a dropped one
-- must not turn up in another.
INSERT INTO tally_generations (poll_id, generation, boundary, fed)
SELECT p.poll_id, 1 + greatest((SELECT max(g.generation) FROM tally_generations g WHERE g.poll_id = p.poll_id),
                               (SELECT max(t.generation) FROM tally_rebuilds t WHERE t.poll_id = p.poll_id), p.generation), %(boundary)s, true
FROM poll_projections p WHERE p.poll_id = %(poll_id)s
RETURNING generation;

-- name: begin_rebuild
INSERT INTO tally_rebuilds (poll_id, generation, replaces, boundary, end_epoch, end_xid, end_id, filled_voter_key, filled_revision, rows_read, state)
SELECT p.poll_id, %(generation)s, p.generation, %(boundary)s, %(end_epoch)s, %(end_xid)s::text::xid8, %(end_id)s,
       '00000000-0000-0000-0000-000000000000', 0, 0, 'filling'
FROM poll_projections p WHERE p.poll_id = %(poll_id)s;

-- name: note_filled
UPDATE tally_rebuilds
SET filled_voter_key = %(voter_key)s, filled_revision = %(revision)s, rows_read = rows_read + %(read)s
WHERE poll_id = %(poll_id)s AND generation = %(generation)s;

-- name: note_state
UPDATE tally_rebuilds SET state = %(state)s, changed_at = clock_timestamp() WHERE poll_id = %(poll_id)s AND generation = %(generation)s;

-- name: note_drift
UPDATE tally_rebuilds SET drift = %(drift)s WHERE poll_id = %(poll_id)s AND generation = %(generation)s;

-- name: show_generation
-- From here on readers see another generation. The version is bumped beside it, in the same transaction.
UPDATE poll_projections SET generation = %(shown)s WHERE poll_id = %(poll_id)s RETURNING generation;

-- name: stop_feeding
-- Workers that read the generations before this commits may still add to it; dropping waits for them.
UPDATE tally_generations SET fed = false WHERE poll_id = %(poll_id)s AND generation = %(generation)s;

-- name: is_unreachable
-- Whether nobody can feed the generation that is being left any more. Who still may has read that it was fed before the stop committed, and had its
-- transaction's id by then; so all those ids lie below that of any transaction which began later, such as this one, and dropping waits until
-- everything below it has ended. The transaction that stopped it will not do: a worker may claim its batch after that one has its id.
UPDATE tally_rebuilds SET drop_after = coalesce(drop_after, pg_current_xact_id()) WHERE poll_id = %(poll_id)s AND generation = %(generation)s
RETURNING pg_snapshot_xmin(pg_current_snapshot()) >= drop_after;

-- name: drop_minutes
-- Some of the table that may be long; the others have a row for each choice at most and go at the end.
DELETE FROM minute_tallies t
WHERE t.poll_id = %(poll_id)s AND t.generation = %(generation)s
  AND t.minute IN (SELECT m.minute FROM minute_tallies m WHERE m.poll_id = %(poll_id)s AND m.generation = %(generation)s ORDER BY m.minute LIMIT %(limit)s)
RETURNING 1;

-- name: drop_generation
WITH polls AS (DELETE FROM poll_tallies WHERE poll_id = %(poll_id)s AND generation = %(generation)s),
questions AS (DELETE FROM question_tallies WHERE poll_id = %(poll_id)s AND generation = %(generation)s),
choices AS (DELETE FROM choice_tallies WHERE poll_id = %(poll_id)s AND generation = %(generation)s)
DELETE FROM tally_generations WHERE poll_id = %(poll_id)s AND generation = %(generation)s AND NOT fed;
