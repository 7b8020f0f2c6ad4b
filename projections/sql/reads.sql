-- name: select_progress
-- The log's epoch, and of the positions asked for those whose batch has been applied, each with its poll's version in the same snapshot.
-- Batches apply out of order, so the one that covers a position must be looked at itself: the first that ends at or after it.
SELECT e.epoch, covered.number, covered.version
FROM log_epoch e
LEFT JOIN (
    SELECT asked.number, p.version
    FROM unnest(%(polls)s::uuid[], %(epochs)s::int[], %(xids)s::text[], %(ids)s::bigint[]) WITH ORDINALITY AS asked(poll_id, epoch, xid, id, number)
    CROSS JOIN LATERAL (
        SELECT b.applied_at
        FROM vote_batches b
        WHERE (b.end_epoch, b.end_xid, b.end_id) >= (asked.epoch, asked.xid::xid8, asked.id)
        ORDER BY b.end_epoch, b.end_xid, b.end_id
        LIMIT 1
    ) AS covering
    JOIN poll_projections p ON p.poll_id = asked.poll_id
    WHERE covering.applied_at IS NOT NULL
) AS covered ON true;

-- name: select_timeline
-- Ballots by the minute, in order, of the generation that readers see, with the version they belong to: one snapshot, or they would not sum up.
SELECT (SELECT epoch FROM log_epoch LIMIT 1), p.version, greatest(p.as_of, c.created_at), m.minutes, m.ballots
FROM poll_cards c
JOIN poll_projections p ON p.poll_id = c.poll_id
CROSS JOIN LATERAL (SELECT coalesce(array_agg(extract(epoch FROM m.minute)::bigint ORDER BY m.minute), '{}') AS minutes,
                           coalesce(array_agg(m.ballots ORDER BY m.minute), '{}') AS ballots
                    FROM minute_tallies m WHERE m.poll_id = p.poll_id AND m.generation = p.generation AND m.ballots <> 0) m
WHERE c.poll_id = %(poll_id)s::uuid;
