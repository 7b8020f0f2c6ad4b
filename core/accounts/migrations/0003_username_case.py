"""One name in whatever case is one account's: people would take one for the other."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_token_generation")]

    operations = [
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(Upper("username"), name="users_by_name", violation_error_message="This username is taken."),
        ),
    ]
