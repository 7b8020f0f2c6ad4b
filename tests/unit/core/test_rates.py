"""What a rate means, whom it counts, what its headers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rates import Rate, Verdict, judge, limit_headers, parse_rate, whom


@pytest.mark.parametrize(
    ("text", "rate"),
    [("60/minute", Rate(60, 60)), ("5/second", Rate(5, 1)), (" 1000/hour ", Rate(1000, 3600)), ("7/day", Rate(7, 86_400)), ("off", None), ("OFF", None)],
)
def test_a_rate_is_read(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "60", "60/min", "0/second", "-1/second", "1.5/second", "60/minutes", "many", "60 / minute", "9999999/second", "\u0661/second"]
)
def test_anything_else_is_refused_with_a_sentence_that_shows_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"60/minute.*off"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_ipv6_neighbours_of_one_64_are_one_client(address: str, client: str) -> None:
    assert whom(address) == client


def test_the_headers_are_those_of_the_draft() -> None:
    rate = Rate(60, 60)
    verdict = judge(rate, granted=True, debt=1_000_000)
    assert limit_headers("vote", rate, verdict) == {"RateLimit-Policy": '"vote";q=60;w=60', "RateLimit": '"vote";r=59;t=1'}


def test_an_empty_bucket_says_when_the_next_request_is_welcome() -> None:
    rate = Rate(1000, 3600)
    assert judge(rate, granted=False, debt=3_600_000_000) == Verdict(granted=False, left=0, wait=4)
    assert judge(rate, granted=False, debt=3_600_000_000 - 3_000_000) == Verdict(granted=False, left=0, wait=1)


@given(limit=st.integers(1, 1_000_000), window=st.sampled_from([1, 60, 3600, 86_400]), share=st.floats(0, 1))
def test_what_is_left_and_the_wait_stay_within_the_policy(limit: int, window: int, share: float) -> None:
    rate = Rate(limit, window)
    verdict = judge(rate, granted=True, debt=int(share * rate.interval * rate.limit))
    assert 0 <= verdict.left <= limit
    assert 1 <= verdict.wait <= window
