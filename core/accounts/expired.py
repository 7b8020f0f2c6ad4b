"""Takes away what has expired: refresh tokens, used or not, and sessions."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

_ROWS, _ROUNDS = 1_000, 200


def delete_expired() -> int:
    """How many went: 200,000 of each kind at most, in short transactions, because a long one would hold up the log's horizon. Any number of times."""
    return _delete(OutstandingToken.objects.filter(expires_at__lt=Now())) + _delete(Session.objects.filter(expire_date__lt=Now()))


def _delete(expired: QuerySet[Any]) -> int:
    gone = 0
    for _ in range(_ROUNDS):
        keys = list(expired.values_list("pk", flat=True)[:_ROWS])
        if keys:
            expired.model._default_manager.filter(pk__in=keys).delete()  # noqa: SLF001  (Django's name for it); what refers to a token goes with it
            gone += len(keys)
        if len(keys) < _ROWS:
            break
    return gone
