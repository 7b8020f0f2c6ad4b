"""Whom we believe about a client's address."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from core.clients import client_address


def scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    return {"client": None if peer is None else (peer, 1), "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]}


def test_the_peer_is_the_client_where_no_proxy_is_trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_address(scope("10.0.0.1", "192.0.2.1")) == "10.0.0.1"
    assert client_address(scope(None, "192.0.2.1")) == ""


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ((), "10.0.0.1"),
        (("192.0.2.1",), "192.0.2.1"),
        (("198.51.100.1,192.0.2.1 , 10.2.2.2",), "192.0.2.1"),
        (("198.51.100.1", "192.0.2.1"), "192.0.2.1"),
        (("10.3.3.3, 10.2.2.2",), "10.3.3.3"),
        (("192.0.2.1:80",), "192.0.2.1"),
        (("[2001:db8::1]:80",), "2001:db8::1"),
        (("[2001:db8::1]",), "2001:db8::1"),
        (("2001:db8::1",), "2001:db8::1"),
        (("fd00::1, 192.0.2.7, fd00::2",), "192.0.2.7"),
        (("192.0.2.1, unknown",), "10.0.0.1"),
        (("192.0.2.1, _hidden, 10.2.2.2",), "10.2.2.2"),
        (("192.0.2.1:",), "10.0.0.1"),
        (("192.0.2.1:80:90",), "10.0.0.1"),
        (("192.0.2.1,",), "10.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_last_untrusted_hop_is(settings: Settings, forwarded: tuple[str, ...], address: str) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
    assert client_address(scope("10.0.0.1", *forwarded)) == address
    assert client_address(scope("::ffff:10.0.0.1", *forwarded)).removeprefix("::ffff:") == address
    assert client_address(scope("203.0.113.1", *forwarded)) == "203.0.113.1"


@given(st.lists(st.text(st.characters(max_codepoint=255))))
def test_whatever_a_header_says_it_is_an_address_or_not_believed(forwarded: list[str]) -> None:
    from django.test import override_settings  # noqa: PLC0415  (a fixture would be shared by all examples)

    with override_settings(TRUSTED_PROXIES=["10.0.0.0/8"]):
        assert client_address(scope("10.0.0.1", *forwarded))
