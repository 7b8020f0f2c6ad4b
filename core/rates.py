"""The arithmetic of rate limits: what `60/minute` means, whom it counts, and what the answer's headers say of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

SECOND = 1_000_000  # microseconds, the unit of buckets
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_SYNTAX = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour|day)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests at once, then as many per `window` (seconds) as they grow back, evenly."""

    limit: int
    window: int

    @property
    def interval(self) -> int:
        """Microseconds in which one request grows back."""
        return self.window * SECOND // self.limit


def parse_rate(text: str) -> Rate | None:
    """The rate of `60/minute`, `5/second`, `1000/hour`, `5000/day`; None for `off`.

    Raises `ValueError`, with a sentence for the operator, for anything else.
    """
    if text.strip().lower() == "off":
        return None
    match = _SYNTAX.fullmatch(text.strip())
    rate = Rate(int(match[1]), _PERIODS[match[2]]) if match else None
    if rate is None or rate.interval < 1:
        raise ValueError(f"{text!r} is not a rate; write for example 60/minute, 5/second, 1000/hour, or off")
    return rate


def whom(address: str) -> str:
    """The client that an address stands for: IPv4 as it is, IPv6 by its /64 (one household), anything else as it is."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((parsed, 64), strict=False))
        return str(parsed.ipv4_mapped)
    return str(parsed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a take found: `granted` or not, requests `left`, whole seconds until the next one grows back."""

    granted: bool
    left: int
    wait: int


def judge(rate: Rate, *, granted: bool, debt: int) -> Verdict:
    """The verdict on a bucket that needs `debt` microseconds to be full again, after the take."""
    free = rate.interval * rate.limit - debt
    left = max(0, free // rate.interval)
    return Verdict(granted, left, max(1, math.ceil(((left + 1) * rate.interval - free) / SECOND)))


def limit_headers(policy: str, rate: Rate, verdict: Verdict) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers (from its 08 on) writes them; a refusal's wait is its `Retry-After` too."""
    return {"RateLimit-Policy": f'"{policy}";q={rate.limit};w={rate.window}', "RateLimit": f'"{policy}";r={verdict.left};t={verdict.wait}'}
