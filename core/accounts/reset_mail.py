"""Mails the links with which people reset a forgotten password, off the request's path, so that nobody learns whose address is known."""

from __future__ import annotations

import logging
from functools import partial

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from core.accounts.models import User
from core.background import background
from core.errors import NexusError
from core.limits import RateLimit
from core.rates import Rate, parse_rate

_ACCOUNTS = 10  # so many accounts with one address are mailed at most
_MAILS = Rate(3, 3600)  # for one address, whoever asks
_log = logging.getLogger(__name__)


def request_reset(email: str) -> None:
    """Sees to it that the holders of this address get their links. Takes as long for an address that is known as for any other."""
    background().run_soon(partial(send_reset_mails, email))


def send_reset_mails(email: str) -> None:
    """Mails every active account with this address, to the address that it was made with. Nothing is sent past three an hour."""
    rate = _MAILS if parse_rate(settings.AUTH_RATE_LIMIT) is not None else None
    try:
        RateLimit("reset-mail", rate, fail_open=settings.RATE_LIMIT_FAIL_OPEN).take_now(email.casefold())
    except NexusError:
        _log.info("no further mail to an address that had enough")
        return
    for user in User.objects.filter(email__iexact=email, is_active=True).order_by("date_joined")[:_ACCOUNTS]:
        if user.has_usable_password():
            text = render_to_string("core/password_reset.txt", {"user": user, "url": reset_url(user), "site": settings.PUBLIC_URL})
            EmailMessage(subject="Your password for Nexus", body=text, to=[user.email]).send()


def reset_url(user: User) -> str:
    """The link, under `PUBLIC_URL` whatever host was asked: nobody can make it lead elsewhere."""
    return settings.PUBLIC_URL.rstrip("/") + reverse("reset-password", args=[user.pk, default_token_generator.make_token(user)])
