"""Everything that reads a text from outside either understands it or refuses it in its own words; what was altered is never understood."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.codes import new_codes, normalised
from commands.tokens import VoterToken, open_voter_token
from core.accounts.access import read_access_token
from core.accounts.signed_claims import read_claims
from core.clients import client_address
from core.errors import BadRequest, MalformedBody, NexusError, NotAuthenticated, ValidationError
from core.hosts import check_host
from core.json_bodies import read_json_object
from core.lean import LeanRequest
from core.origins import is_own_origin
from core.positions import Position, open_position, seal_position
from core.rates import parse_rate
from pages.listing import Place
from projections.frames import seen_version
from projections.list_cursors import ListCursor, open_cursor
from projections.validators import entity_tags, matches, newest_seen
from workers.messages import BatchMessage, UndecodableMessage

POLL = uuid.UUID("6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10")
any_text = st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))


def a_jwt(**changes: Any) -> str:
    claims = {"sub": str(POLL), "aud": "nexus", "iss": "nexus", "token_type": "access", "exp": 4_000_000_000, "gen": 0} | changes
    return jwt.encode(claims, django_settings.SECRET_KEY, algorithm="HS256")


@dataclass(frozen=True)
class Sealed:
    """A token of ours and how it is opened; `refusal` is what opening anything else raises, or None where it returns None."""

    make: Callable[[], str]
    open: Callable[[str], Any]
    refusal: type[Exception] | None


SEALED = {
    "voter token": Sealed(lambda: VoterToken(b"i" * 16).seal(), open_voter_token, None),
    "bound voter token": Sealed(lambda: VoterToken(b"i" * 16).bind(POLL, b"s" * 16).seal(), open_voter_token, None),
    "position": Sealed(lambda: seal_position(Position(POLL, 1, 2, 3)), open_position, BadRequest),
    "access token": Sealed(a_jwt, read_access_token, NotAuthenticated),
    "refresh token": Sealed(lambda: a_jwt(token_type="refresh"), lambda text: read_claims(text, "refresh"), NotAuthenticated),
}


def opened(sealed: Sealed, text: str) -> Any:
    """What it opens to; None for what is refused as it should be."""
    if sealed.refusal is None:
        return sealed.open(text)
    try:
        return sealed.open(text)
    except sealed.refusal:
        return None


def decoded(text: str) -> list[bytes]:
    """What the parts of a token stand for: base64 has several spellings of the last few bits."""
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]


def tamper(data: st.DataObject, sealed: Sealed) -> None:
    good = sealed.make()
    at = data.draw(st.integers(0, len(good) - 1))
    length = data.draw(st.integers(0, 6))
    altered = good[:at] + data.draw(st.one_of(any_text, st.sampled_from(("A", "=", ".", "-", "_", " ", "")))) + good[at + length :]
    found = opened(sealed, altered)
    if found is not None:
        with contextlib.suppress(ValueError):
            assert decoded(altered) == decoded(good), altered
        assert found == sealed.open(good)


@pytest.mark.parametrize("name", SEALED)
@given(data=st.data())
def test_a_token_that_was_altered_is_not_taken(name: str, data: st.DataObject) -> None:
    tamper(data, SEALED[name])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SEALED)
@given(data=st.data())
@settings(max_examples=5000)
def test_thousands_of_altered_tokens_are_not_taken(name: str, data: st.DataObject) -> None:
    tamper(data, SEALED[name])


@pytest.mark.parametrize("name", SEALED)
@given(text=any_text)
def test_what_is_no_token_is_not_taken(name: str, text: str) -> None:
    assert opened(SEALED[name], text) is None


@given(
    name=st.sampled_from(("sub", "aud", "iss", "exp", "gen", "jti", "nbf", "iat", "staff", "token_type")),
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=4
    ),
)
def test_strange_claims_under_our_own_signature_are_refused_or_harmless(name: str, value: Any) -> None:
    for kind in ("access", "refresh"):
        with contextlib.suppress(TypeError, ValueError):  # PyJWT refuses to sign some
            token = a_jwt(**{"token_type": kind, name: value})
            with contextlib.suppress(NotAuthenticated):
                (read_access_token if kind == "access" else lambda text: read_claims(text, "refresh"))(token)


def test_claims_that_pyjwt_would_choke_on_are_refused() -> None:
    for claims in ({"exp": float("inf")}, {"gen": float("inf")}, {"gen": None}, {"gen": [1]}, {"nbf": float("inf")}, {"iat": float("nan")}, {"sub": None}):
        with pytest.raises(NotAuthenticated):
            read_access_token(a_jwt(**claims))


def refuses(call: Callable[[], Any], *refusals: type[Exception]) -> None:
    with contextlib.suppress(*refusals):
        call()


@given(text=any_text)
@settings(max_examples=300)
def test_every_reader_of_a_text_has_a_refusal_for_what_it_does_not_understand(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    refuses(lambda: open_cursor(text), BadRequest)
    refuses(lambda: parse_rate(text), ValueError)
    refuses(lambda: check_host({"headers": [(b"host", raw)]}), BadRequest)
    refuses(lambda: read_json_object(raw), MalformedBody, ValidationError)
    assert normalised(text) is None or len(normalised(text) or "") == 16
    assert isinstance(is_own_origin(text, text), bool)
    assert is_own_origin(f"http://{text}", None) is False
    Place.parse(text)
    for header in (raw, b'"' + raw + b'"', b'W/"1.' + raw):
        tags = entity_tags(header)
        assert all(tag.startswith(b'"') and tag.endswith(b'"') for tag in tags)
        assert matches(header, b'"1.1.open"') in {True, False}
        newest = newest_seen(header)
        assert newest is None or newest >= (0, 0)
    version = seen_version(text)
    assert version is None or 0 <= version < 10**18
    request = LeanRequest.of({"headers": [(b"cookie", raw), (b"cookie", b"x=" + raw)], "query_string": raw}, None)  # type: ignore[arg-type]  # nothing is received
    assert request.cookie("x") is None or isinstance(request.cookie("x"), str)
    refuses(lambda: request.parameters("x"), BadRequest)


@given(hops=any_text, peer=st.sampled_from(("192.0.2.1", "::1", "unix", "")))
def test_an_address_behind_a_proxy_is_an_address_or_the_proxys(hops: str, peer: str) -> None:
    before = django_settings.TRUSTED_PROXIES
    django_settings.TRUSTED_PROXIES = ["192.0.2.0/24", "::1"]
    try:
        found = client_address({"client": (peer, 1), "headers": [(b"x-forwarded-for", hops.encode("latin-1", "replace"))]})
        assert found == peer or not set(found) & set(" \n\r,;")
    finally:
        django_settings.TRUSTED_PROXIES = before


@given(micros=st.integers(-(2**63), 2**63 - 1), direction=st.sampled_from((b"n", b"p")), more=st.binary(max_size=3))
def test_a_made_up_list_cursor_is_a_time_or_refused(micros: int, direction: bytes, more: bytes) -> None:
    text = base64.urlsafe_b64encode(direction + micros.to_bytes(8, "big", signed=True) + POLL.bytes + more).rstrip(b"=").decode()
    refuses(lambda: open_cursor(text), BadRequest)


def test_our_own_are_understood() -> None:
    cursor = ListCursor(datetime(2026, 1, 1, tzinfo=UTC), POLL)
    assert open_cursor(cursor.seal()) == cursor
    (code,) = new_codes(1)
    assert normalised(code.lower().replace("-", " ")) == code.replace("-", "")
    assert all(opened(sealed, sealed.make()) is not None for sealed in SEALED.values())


@given(
    arguments=st.dictionaries(
        st.sampled_from(("format", "batch_id", "epoch", "x")),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.integers(), max_size=2),
    )
)
def test_a_message_names_a_batch_or_is_undecodable(arguments: dict[str, Any]) -> None:
    refuses(lambda: BatchMessage.decode(arguments), UndecodableMessage)
    refuses(lambda: BatchMessage.decode(BatchMessage(batch_id=POLL, epoch=1).arguments() | arguments), UndecodableMessage)


def test_every_refusal_has_a_status() -> None:
    assert all(issubclass(refusal, NexusError) for refusal in (BadRequest, NotAuthenticated, MalformedBody, ValidationError))
