"""What audits found."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0003_tally_rebuilds")]

    operations = [
        migrations.CreateModel(
            name="PollAudit",
            fields=[
                ("poll_id", models.UUIDField(primary_key=True, serialize=False)),
                ("audited_at", models.DateTimeField(null=True)),
                ("differences", models.JSONField(null=True)),
                ("under_way", models.JSONField(null=True)),
            ],
            options={
                "db_table": "poll_audits",
                "indexes": [
                    models.Index(fields=["audited_at"], name="poll_audits_oldest"),
                    models.Index(condition=models.Q(("differences", []), _negated=True), fields=["poll_id"], name="poll_audits_drifted"),
                    models.Index(condition=models.Q(("under_way__isnull", False)), fields=["poll_id"], name="poll_audits_under_way"),
                ],
            },
        ),
    ]
