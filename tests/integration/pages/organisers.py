"""People who use the admin, and what their browsers send there."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from commands.models import Poll
from core.accounts.models import User
from tests.factories import make_user

LIST = "/admin/commands/poll/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def organiser(*permissions: str, **fields: Any) -> User:
    user = make_user(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def poll_form(**fields: Any) -> dict[str, Any]:
    question = {"text": "Which?", "kind": "single", "min_choices": 1, "max_choices": 1, "choices": "Tea\nCoffee\n", "ORDER": 1}
    return {
        "title": "Tea or coffee?",
        "description": "",
        "voters": "session",
        "results": "always",
        "listed": "on",
        "questions-TOTAL_FORMS": "1",
        "questions-INITIAL_FORMS": "0",
        **{f"questions-0-{name}": value for name, value in question.items()},
        "_save": "1",
    } | fields


def change(poll: Poll) -> str:
    return f"{LIST}{poll.pk}/change/"
