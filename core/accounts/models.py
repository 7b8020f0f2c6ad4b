"""The user: Django's own, with an id that cannot be counted."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Somebody who makes polls, or votes in polls whose voters are accounts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
