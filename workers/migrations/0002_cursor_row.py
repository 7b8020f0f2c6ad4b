"""The relay's cursor at the beginning of the log."""

from __future__ import annotations

from django.db import migrations

AT_THE_BEGINNING = """
INSERT INTO relay_cursor (id, epoch, xid, vote_id, seq, drained_epoch, drained_xid, as_of) VALUES (1, 1, '0', 0, 0, 1, '0', now());
"""


class Migration(migrations.Migration):
    dependencies = [("workers", "0001_initial"), ("commands", "0002_vote_log")]

    operations = [migrations.RunSQL(AT_THE_BEGINNING, "DELETE FROM relay_cursor;")]
