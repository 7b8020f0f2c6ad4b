"""What has expired goes away, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from core.accounts import expired
from core.accounts.expired import delete_expired
from core.accounts.tokens import issue_pair, rotate
from tests.factories import make_user


@pytest.mark.usefixtures("committed_db")
def test_expired_tokens_and_sessions_go_in_small_portions_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expired, "_ROWS", 2)
    user, now = make_user(), timezone.now()
    for _ in range(3):
        rotate(issue_pair(user).refresh)
    OutstandingToken.objects.update(expires_at=now - timedelta(seconds=1))
    alive = issue_pair(user)
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
    assert delete_expired() == 7
    assert BlacklistedToken.objects.count() == 0
    assert [session.session_key for session in Session.objects.all()] == ["new"]
    assert rotate(alive.refresh)
    assert delete_expired() == 0
