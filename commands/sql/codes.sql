-- The statements on voter codes. Only keyed hashes of them are kept; a code's hash is the voter's key in the log, whose constraint is the only "used" flag.

-- name: add_codes
-- Many at once; parameters: the poll, an array of hashes.
INSERT INTO voter_codes (poll_id, code_hash) SELECT %s, unnest(%s::uuid[]);

-- name: known_codes
-- Those of the (poll, hash) pairs that are codes; the lateral join keeps it to one look into the index for each, whatever the planner believes.
SELECT asked.poll_id, asked.code_hash
FROM unnest(%s::uuid[], %s::uuid[]) AS asked(poll_id, code_hash)
CROSS JOIN LATERAL (SELECT FROM voter_codes c WHERE c.poll_id = asked.poll_id AND c.code_hash = asked.code_hash LIMIT 1) found;
