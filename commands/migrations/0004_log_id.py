"""An id for the log, which no other has."""

from __future__ import annotations

import django.contrib.postgres.functions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0003_voter_codes")]

    operations = [
        migrations.AddField(
            model_name="logepoch",
            name="log_id",
            field=models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID()),
        ),
    ]
