"""The codes of `code` polls, by their hashes."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0002_vote_log")]

    operations = [
        migrations.CreateModel(
            name="VoterCode",
            fields=[
                ("pk", models.CompositePrimaryKey("poll_id", "code_hash", blank=True, editable=False, primary_key=True, serialize=False)),
                ("code_hash", models.UUIDField()),
                (
                    "poll",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="codes", to="commands.poll"
                    ),
                ),
            ],
            options={"db_table": "voter_codes"},
        ),
    ]
