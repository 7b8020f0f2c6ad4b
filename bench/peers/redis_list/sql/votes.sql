-- The Redis peer's votes.

-- name: make_tables
-- One row per voter and poll: the last vote counts.
CREATE TABLE votes (
    poll_id   uuid NOT NULL,
    voter     text NOT NULL,
    choice_id uuid NOT NULL,
    PRIMARY KEY (poll_id, voter)
);
