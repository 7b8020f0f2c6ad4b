"""Sentinel addresses in REDIS_URL."""

from __future__ import annotations

import pytest

from core.sentinel import SentinelAddress, parse_sentinel_url


def test_an_address_names_sentinels_service_database_and_login() -> None:
    assert parse_sentinel_url("redis+sentinel://ada:s%40crt@one:1,two,[::1]:3/mymaster/2") == SentinelAddress(
        sentinels=(("one", 1), ("two", 26379), ("::1", 3)), service="mymaster", database=2, username="ada", password="s@crt"
    )
    plain = parse_sentinel_url("redis+sentinel://one/mymaster")
    assert plain is not None
    assert (plain.sentinels, plain.database, plain.password) == ((("one", 26379),), 0, None)


def test_other_addresses_are_none_of_its() -> None:
    assert parse_sentinel_url("redis://one:6379/0") is None
    assert parse_sentinel_url("unix:///run/redis.sock") is None


@pytest.mark.parametrize("url", ["redis+sentinel://one", "redis+sentinel:///mymaster", "redis+sentinel://one/mymaster/x", "redis+sentinel://one:x/mymaster"])
def test_what_is_missing_or_no_number_is_said(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_sentinel_url(url)
