"""`manage.py create_demo_poll`: a friendly open poll, so that a fresh stack has something to show."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.urls import reverse

from commands.handlers import create_poll
from commands.models import Poll
from core.accounts.models import User

OWNER = "demo"
DEMO_POLL = {
    "title": "What makes a good Sunday?",
    "description": "A little poll to try things out. Vote, then watch the bars: open this page in a second browser and vote again.",
    "questions": [
        {
            "text": "How does a good Sunday begin?",
            "kind": "single",
            "choices": [{"text": text} for text in ("Sleeping in", "A long breakfast", "Out of the door at dawn", "Like any other day")],
        },
        {
            "text": "And what belongs to it?",
            "kind": "multiple",
            "min_choices": 1,
            "max_choices": 3,
            "choices": [{"text": text} for text in ("A walk", "Friends or family", "A good book", "Cake", "Sport", "Absolutely nothing")],
        },
    ],
}


class Command(BaseCommand):
    help = "Makes the demo poll if it is not there, and prints its address."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        self.stdout.write(f"demo poll: {settings.PUBLIC_URL.rstrip('/')}{reverse('vote', args=[demo_poll_slug()])}")


def demo_poll_slug() -> str:
    """The slug of the demo user's poll, made if it was not there. Two that run at once make one: they wait for each other on the user's row."""
    with transaction.atomic():
        owner, created = User.objects.get_or_create(username=OWNER)
        if created:
            owner.set_unusable_password()
            owner.save(update_fields=["password"])
        owner = User.objects.select_for_update().get(pk=owner.pk)
        slug = Poll.objects.filter(owner=owner, title=DEMO_POLL["title"]).order_by("created_at").values_list("slug", flat=True).first()
        return slug if slug is not None else create_poll(owner=owner, body=DEMO_POLL).slug
