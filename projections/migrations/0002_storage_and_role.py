"""Room for in-place updates of the tallies, and the role that reads results and cannot read votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TALLIES = ("poll_projections", "poll_tallies", "question_tallies", "choice_tallies", "minute_tallies")
READABLE = ("log_epoch", "poll_cards", "tally_generations", "vote_batches", *TALLIES)

# Half-empty pages keep the hot rows' new versions on the same page (HOT), without touching an index.
LEAVE_ROOM = "".join(f"ALTER TABLE {table} SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);" for table in TALLIES)
TAKE_BACK = "".join(f"ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);" for table in TALLIES)

CREATE_ROLE = """
DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN
        BEGIN
            CREATE ROLE {role} NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this cluster was first
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'this user may not create the role {role}'
                    USING HINT = 'Let an administrator run CREATE ROLE {role} NOLOGIN and GRANT it to this user, or set RESULTS_DATABASE_ROLE to nothing.';
        END;
    END IF;
    IF NOT pg_has_role(current_user, {literal}, 'MEMBER') THEN
        EXECUTE 'GRANT {role} TO ' || quote_ident(current_user);
    END IF;
END
$do$;
"""


def grant(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    role = settings.RESULTS_DATABASE_ROLE
    if not role:
        return
    quoted = editor.quote_name(role)
    editor.execute(CREATE_ROLE.format(role=quoted, literal="'" + role.replace("'", "''") + "'"))
    editor.execute(f"GRANT USAGE ON SCHEMA public TO {quoted}; GRANT SELECT ON {', '.join(READABLE)} TO {quoted};")


def revoke(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Takes the rights back. The role itself stays: it belongs to the cluster, and another database may use it."""
    role = settings.RESULTS_DATABASE_ROLE
    if role:
        editor.execute(f"REVOKE SELECT ON {', '.join(READABLE)} FROM {editor.quote_name(role)};")


class Migration(migrations.Migration):
    dependencies = [("projections", "0001_initial"), ("commands", "0002_vote_log")]

    operations = [migrations.RunSQL(LEAVE_ROOM, TAKE_BACK), migrations.RunPython(grant, revoke)]
