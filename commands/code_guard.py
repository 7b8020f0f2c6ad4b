"""Keeps addresses that guess codes from being looked up without end: refused codes are counted, and past the limit no further code is looked at."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from core.errors import RateLimited
from core.limits import code_limit
from core.rates import whom

_REMEMBERED = 10_000  # addresses


class CodeGuard:
    """One per process. The count is in Redis, shared by all; here stands only who is known to have used it up, and until when."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, tuple[float, RateLimited]] = OrderedDict()  # client → end of its wait, on time.monotonic()

    def check(self, address: str) -> None:
        """Raises `RateLimited` while codes from this address are not looked at. Costs nothing while nobody guesses."""
        if not self._waiting:
            return
        client, now = whom(address), time.monotonic()
        until, limited = self._waiting.get(client, (now, None))
        if limited is None:
            return
        if until > now:
            wait = math.ceil(until - now)
            raise RateLimited(limited.detail, retry_after=wait, headers={**limited.headers, "RateLimit": f'"code";r=0;t={wait}'})
        del self._waiting[client]

    async def refused(self, address: str) -> None:
        """Counts a code that was none. Raises `RateLimited` when it was one too many."""
        try:
            await code_limit().take(address)
        except RateLimited as limited:
            told = RateLimited("Too many wrong codes came from your network; wait a little.", retry_after=limited.retry_after, headers=limited.headers)
            self._waiting[whom(address)] = (time.monotonic() + (limited.retry_after or 1.0), told)
            while len(self._waiting) > _REMEMBERED:
                self._waiting.popitem(last=False)
            raise told from None
