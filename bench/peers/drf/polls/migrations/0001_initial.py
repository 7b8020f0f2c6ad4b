"""The Django peer's tables."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Poll",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=200)),
                ("voters", models.CharField(choices=[("session", "session"), ("account", "account")], default="session", max_length=10)),
                ("closes_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("text", models.CharField(max_length=200)),
                ("poll", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="questions", to="polls.poll")),
            ],
        ),
        migrations.CreateModel(
            name="Choice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("text", models.CharField(max_length=200)),
                ("votes", models.PositiveBigIntegerField(default=0)),
                ("question", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="choices", to="polls.question")),
            ],
            options={
                "ordering": ("position",),
            },
        ),
        migrations.CreateModel(
            name="Vote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("voter", models.UUIDField()),
                ("cast_at", models.DateTimeField(auto_now_add=True)),
                (
                    "choice",
                    models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="polls.choice"),
                ),
                (
                    "poll",
                    models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="polls.poll"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("poll", "voter"), name="one_vote_per_voter")],
            },
        ),
    ]
