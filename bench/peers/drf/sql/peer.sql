-- Filling and counting the Django peer's tables, which its own migrations make.

-- name: make_polls
-- Polls with one single-choice question each, and the ids of all.
WITH made AS (
    INSERT INTO polls_poll (id, title, voters)
    SELECT gen_random_uuid(), 'Which one?', %(voters)s FROM generate_series(1, %(count)s)
    RETURNING id
), asked AS (
    INSERT INTO polls_question (id, poll_id, text) SELECT gen_random_uuid(), id, 'Which?' FROM made
    RETURNING id, poll_id
), listed AS (
    INSERT INTO polls_choice (id, question_id, position, text, votes)
    SELECT gen_random_uuid(), asked.id, n, 'Choice ' || n, 0 FROM asked, generate_series(1, %(choices)s) AS n
    RETURNING id, question_id, position
)
SELECT asked.poll_id::text, asked.id::text, array_agg(listed.id::text ORDER BY listed.position)
FROM asked JOIN listed ON listed.question_id = asked.id GROUP BY asked.poll_id, asked.id;

-- name: count_votes
SELECT count(*) FROM polls_vote WHERE poll_id = ANY(%(polls)s::uuid[]);

-- name: count_tallied
SELECT coalesce(sum(c.votes), 0) FROM polls_choice c JOIN polls_question q ON q.id = c.question_id WHERE q.poll_id = ANY(%(polls)s::uuid[]);
