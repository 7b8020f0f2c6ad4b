"""Where rebuilds of tallies stand."""

from __future__ import annotations

import django.db.models.functions.datetime
from django.db import migrations, models

import core.fields


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_cursor_row")]

    operations = [
        migrations.CreateModel(
            name="TallyRebuild",
            fields=[
                ("pk", models.CompositePrimaryKey("poll_id", "generation", blank=True, editable=False, primary_key=True, serialize=False)),
                ("poll_id", models.UUIDField()),
                ("generation", models.IntegerField()),
                ("replaces", models.IntegerField()),
                ("boundary", models.BigIntegerField()),
                ("end_epoch", models.IntegerField()),
                ("end_xid", core.fields.Xid8Field()),
                ("end_id", models.BigIntegerField()),
                ("filled_voter_key", models.UUIDField()),
                ("filled_revision", models.IntegerField()),
                ("rows_read", models.BigIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("filling", "being filled from the log"),
                            ("filled", "filled, not yet compared"),
                            ("verified", "equal to the log"),
                            ("flipped", "shown to readers, the old tallies are kept and fed"),
                            ("back", "readers are back at the old tallies"),
                            ("retiring", "shown to readers, the old tallies are being dropped"),
                            ("retired", "shown to readers, the old tallies are gone"),
                            ("cancelling", "being dropped"),
                            ("cancelled", "dropped"),
                        ],
                        default="filling",
                        max_length=10,
                    ),
                ),
                ("drift", models.JSONField(null=True)),
                ("began_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "tally_rebuilds",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["retired", "cancelled"]), _negated=True), fields=("poll_id",), name="tally_rebuilds_one_at_a_time"
                    )
                ],
            },
        ),
    ]
