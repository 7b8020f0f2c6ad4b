-- Polls of the peers that have no framework: one single-choice question each.

-- name: make_tables
CREATE TABLE polls (
    id       uuid PRIMARY KEY,
    title    text NOT NULL,
    question uuid NOT NULL
);
CREATE TABLE choices (
    id       uuid PRIMARY KEY,
    poll_id  uuid NOT NULL REFERENCES polls,
    position smallint NOT NULL,
    text     text NOT NULL
);
CREATE INDEX choices_of_poll ON choices (poll_id);

-- name: make_polls
-- Polls, and the ids of all.
WITH made AS (
    INSERT INTO polls (id, title, question)
    SELECT gen_random_uuid(), 'Which one?', gen_random_uuid() FROM generate_series(1, %(count)s)
    RETURNING id, question
), listed AS (
    INSERT INTO choices (id, poll_id, position, text)
    SELECT gen_random_uuid(), made.id, n, 'Choice ' || n FROM made, generate_series(1, %(choices)s) AS n
    RETURNING id, poll_id, position
)
SELECT made.id::text, made.question::text, array_agg(listed.id::text ORDER BY listed.position)
FROM made JOIN listed ON listed.poll_id = made.id GROUP BY made.id, made.question;

-- name: count_votes
SELECT count(*) FROM votes WHERE poll_id = ANY(%(polls)s::uuid[]);
