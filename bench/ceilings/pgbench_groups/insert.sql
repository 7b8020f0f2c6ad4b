-- One transaction of a pgbench client: :rows votes of voters who never voted, written like the committer's, judged by nothing.
INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
SELECT 1, '00000000-0000-4000-8000-000000000001', gen_random_uuid(), 1, ARRAY['00000000-0000-4000-8000-000000000002'::uuid],
       gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now()
FROM generate_series(1, :rows);
