"""Closes an account for good: nothing of the person stays; what others rely on, polls and counts, does."""

from __future__ import annotations

import secrets

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from core.accounts.models import User
from core.accounts.revocations import revocations
from core.events import AccountClosed
from core.ports import ports


def close_account(user: User) -> None:
    """Replaces the name by one that says nothing, wipes address and password, takes all rights away; every token and session is void.

    Its polls go on under the new name, for staff to manage. Votes are counted as they were: nothing in the log says whose they are.
    """
    alias = f"deleted-{secrets.token_hex(8)}"
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(
            username=alias,
            email="",
            first_name="",
            last_name="",
            password=make_password(None),
            is_active=False,
            is_staff=False,
            is_superuser=False,
            last_login=None,
            token_generation=F("token_generation") + 1,
            tokens_revoked_at=Now(),
        )
        user.groups.clear()
        user.user_permissions.clear()
        ports.publish_account(AccountClosed(user_id=user.pk, username=alias))
    revocations().note(user.pk, user.token_generation)
