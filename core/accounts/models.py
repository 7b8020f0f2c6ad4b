"""The user: Django's own, with an id that cannot be counted and a count of how often all its tokens were made void."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone


class User(AbstractUser):
    """Somebody who makes polls, or votes in polls whose voters are accounts.

    Tokens carry the `token_generation` they were issued in and are good in that one only. Whatever raises it sets `tokens_revoked_at` too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_generation = models.IntegerField(default=0, editable=False)
    tokens_revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Upper("username"), name="users_by_name", violation_error_message="This username is taken.")]
        indexes = [
            models.Index(Upper("email"), name="users_by_email"),
            models.Index(fields=["tokens_revoked_at"], name="users_revoked", condition=models.Q(tokens_revoked_at__isnull=False)),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new password makes all tokens void, wherever it was set: in the admin, on the command line."""
        if getattr(self, "_password", None) is not None and not self._state.adding:
            self.void_tokens()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "token_generation", "tokens_revoked_at"}
        super().save(*args, **kwargs)

    def void_tokens(self) -> None:
        """Makes every token issued so far void, once this is saved."""
        self.token_generation += 1
        self.tokens_revoked_at = timezone.now()
