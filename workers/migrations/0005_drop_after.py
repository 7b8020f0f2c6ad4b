"""From when on tallies that are being dropped can be fed by nobody."""

from __future__ import annotations

from django.db import migrations

import core.fields


class Migration(migrations.Migration):
    dependencies = [("workers", "0004_poll_audits")]

    operations = [migrations.AddField(model_name="tallyrebuild", name="drop_after", field=core.fields.Xid8Field(null=True))]
