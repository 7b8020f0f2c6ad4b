-- The Node peer's votes.

-- name: make_tables
-- One row with a primary key: no voter, no further index.
CREATE TABLE votes (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll_id   uuid NOT NULL,
    choice_id uuid NOT NULL,
    cast_at   timestamptz NOT NULL DEFAULT now()
);
