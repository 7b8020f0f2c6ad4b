-- What is no longer needed of what was counted long ago.

-- name: delete_old_batches
-- Some of the oldest batches, if they were counted long enough ago. Never one that is not counted, nor the last before such a one, nor the last of all:
-- whoever asks about a vote of a batch that has gone is answered by the next, which was counted too. Looks at so many rows at most, whatever it finds.
WITH oldest AS MATERIALIZED (SELECT id, seq, applied_at FROM vote_batches ORDER BY seq LIMIT %(limit)s),
kept AS MATERIALIZED (SELECT least((SELECT min(seq) - 1 FROM vote_batches WHERE applied_at IS NULL), (SELECT max(seq) FROM vote_batches)) AS seq)
DELETE FROM vote_batches b USING oldest, kept
WHERE b.id = oldest.id AND oldest.seq < kept.seq AND oldest.applied_at < statement_timestamp() - make_interval(hours => %(hours)s);
