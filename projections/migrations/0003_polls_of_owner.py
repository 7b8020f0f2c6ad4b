"""One's own polls are found without reading everybody's."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projections", "0002_storage_and_role")]

    operations = [
        migrations.AddIndex(
            model_name="pollcard",
            index=models.Index(fields=["owner_id", "-created_at", "poll_id"], name="poll_cards_of_owner"),
        ),
    ]
