"""The vote log: partitioned, append-only, and the row that says which life of the database it is in."""

from __future__ import annotations

from django.db import migrations

PARTITIONS = 16

# One viral poll spreads over all partitions, because the hash is the voter's and not the poll's.
CREATE_VOTES = """
CREATE SEQUENCE votes_id_seq AS bigint;
CREATE TABLE votes (
    id               bigint      NOT NULL DEFAULT nextval('votes_id_seq'),
    epoch            integer     NOT NULL,
    xid              xid8        NOT NULL DEFAULT pg_current_xact_id(),
    poll_id          uuid        NOT NULL,
    voter_key        uuid        NOT NULL,
    revision         integer     NOT NULL CHECK (revision > 0),
    choices          uuid[],
    replaces         uuid[],
    replaced_cast_at timestamptz,
    receipt          uuid        NOT NULL,
    request_key      uuid        NOT NULL,
    request_digest   uuid        NOT NULL,
    cast_at          timestamptz NOT NULL,
    CONSTRAINT votes_one_per_revision UNIQUE (poll_id, voter_key, revision),
    CONSTRAINT votes_one_per_request UNIQUE (poll_id, voter_key, request_key),
    CONSTRAINT votes_replaced_whole CHECK ((replaces IS NULL) = (replaced_cast_at IS NULL))
) PARTITION BY HASH (voter_key);
ALTER SEQUENCE votes_id_seq OWNED BY votes.id;
CREATE INDEX votes_tail ON votes (epoch, xid, id);
"""

CREATE_PARTITIONS = f"""
DO $$
BEGIN
    FOR n IN 0..{PARTITIONS - 1} LOOP
        EXECUTE format('CREATE TABLE votes_%s PARTITION OF votes FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER %s)', lpad(n::text, 2, '0'), n);
    END LOOP;
END
$$;
"""

# Truncating a partition by its own name must be refused too, hence a trigger on each.
CREATE_GUARDS = f"""
CREATE FUNCTION refuse_change_of_votes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'votes are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER votes_append_only BEFORE UPDATE OR DELETE ON votes FOR EACH ROW EXECUTE FUNCTION refuse_change_of_votes();
CREATE TRIGGER votes_not_truncated BEFORE TRUNCATE ON votes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_votes();
DO $$
BEGIN
    FOR n IN 0..{PARTITIONS - 1} LOOP
        EXECUTE format('CREATE TRIGGER votes_not_truncated BEFORE TRUNCATE ON votes_%s FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_votes()', lpad(n::text, 2, '0'));
    END LOOP;
END
$$;
"""

DROP_VOTES = "DROP TABLE votes; DROP FUNCTION refuse_change_of_votes();"

FIRST_EPOCH = "INSERT INTO log_epoch (id, epoch, system_identifier) SELECT 1, 1, system_identifier FROM pg_control_system();"


class Migration(migrations.Migration):
    dependencies = [("commands", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_VOTES, DROP_VOTES),
        migrations.RunSQL(CREATE_PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(CREATE_GUARDS, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST_EPOCH, "DELETE FROM log_epoch;"),
    ]
