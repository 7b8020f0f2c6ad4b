"""Signs people in by password, and slows down whoever guesses without locking the owner out (docs/adr/0011)."""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from core.accounts.models import User
from core.buckets import FAILURES, Bucket, Take, give_back_now, mask, run_takes_now
from core.errors import RateLimited, Unavailable
from core.rates import Rate, judge, limit_headers, parse_rate, whom
from core.redis import sync_redis

FROM_A_NETWORK = Rate(20, 600)  # wrong passwords for one account from one network
FROM_STRANGERS = Rate(100, 3600)  # wrong passwords for one account from all networks that never signed in to it
_KNOWN_SECONDS = 180 * 24 * 3600
_POLICY = "sign-in"
_log = logging.getLogger(__name__)


def sign_in(request: HttpRequest | None, *, username: str, password: str, address: str) -> User | None:
    """The active user of this name and password; None for any other.

    Raises `RateLimited` where there were too many wrong passwords for this name from this network, or from all strangers together; whether such an
    account exists makes no difference. Raises `Unavailable` where limits fail closed and Redis is away.
    """
    username = User.normalize_username(username)
    take = _take(username, address)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        return None
    _succeeded(username, address, take)
    return user


def remember_network(username: str, address: str) -> None:
    """Notes that the account's owner was at this address: what strangers do elsewhere no longer keeps anybody there out."""
    _succeeded(User.normalize_username(username), address, ())


def _take(username: str, address: str) -> Take:
    """Takes a try before the password is looked at, so that tries at once cannot outrun the count; a right password gives it back."""
    if parse_rate(settings.AUTH_RATE_LIMIT) is None:
        return ()
    here = Bucket(f"{settings.REDIS_PREFIX}:limit:{_POLICY}:{_pair(username, address)}", FROM_A_NETWORK)
    strangers = Bucket(f"{settings.REDIS_PREFIX}:limit:{_POLICY}:{mask(username)}", FROM_STRANGERS)
    try:
        take = (here,) if sync_redis().exists(_known(username, address)) else (here, strangers)
        found = run_takes_now([take])[0]
    except FAILURES as error:
        _log.warning("sign-ins cannot be counted: Redis failed (%s)", type(error).__name__)
        if settings.RATE_LIMIT_FAIL_OPEN:
            return ()
        raise Unavailable("Sign-ins can't be counted against their limit just now; try again.") from error
    if not found.granted:
        verdicts = [(bucket.rate, judge(bucket.rate, granted=False, debt=debt)) for bucket, debt in zip(take, found.debts, strict=True)]
        rate, verdict = min(verdicts, key=lambda each: (each[1].left, -each[1].wait))
        detail = f"Too many wrong passwords for this name; the next try is welcome in {verdict.wait} s."
        raise RateLimited(detail, retry_after=verdict.wait, headers=limit_headers(_POLICY, rate, verdict))
    return take


def _succeeded(username: str, address: str, take: Take) -> None:
    if parse_rate(settings.AUTH_RATE_LIMIT) is None:
        return
    try:
        sync_redis().set(_known(username, address), b"1", ex=_KNOWN_SECONDS)
        if take:
            give_back_now(take)
    except FAILURES as error:
        _log.warning("a sign-in could not be noted: Redis failed (%s)", type(error).__name__)


def _known(username: str, address: str) -> str:
    return f"{settings.REDIS_PREFIX}:signed-in:{_pair(username, address)}"


def _pair(username: str, address: str) -> str:
    return mask(f"{username}\0{whom(address)}")
