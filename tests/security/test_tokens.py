"""Access and refresh tokens: one algorithm, our own audience and issuer, the right kind, and a key that can be changed without signing everybody out."""

from __future__ import annotations

import base64
import hmac
import time
from typing import Any
from uuid import UUID

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import given, reject
from hypothesis import strategies as st
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend

from core.accounts import signed_claims
from core.accounts.access import read_access_token
from core.accounts.signed_claims import read_claims
from core.accounts.tokens import issue_pair, rotate
from core.errors import BadRequest, NotAuthenticated
from core.positions import Position, open_position, seal_position
from tests.asgi_client import ask
from tests.factories import make_poll, make_user

pytestmark = pytest.mark.usefixtures("committed_db")
OLD, NEW = "o" * 64, "n" * 64


@pytest.fixture(autouse=True)
def the_key_it_was() -> Any:
    backend = state.token_backend
    yield
    state.token_backend = backend


def use_key(settings: Any, key: str, *former: str) -> None:
    """As a restart with this SECRET_KEY and these SECRET_KEY_FALLBACKS would."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, list(former)
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": key}
    state.token_backend = TokenBackend("HS256", key, audience="nexus", issuer="nexus")


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"sub": "6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10", "aud": "nexus", "iss": "nexus", "token_type": "access", "exp": int(time.time()) + 60, "gen": 0}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(settings: Any, *, algorithm: str = "HS256", key: Any = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key or settings.SECRET_KEY, algorithm=algorithm)


def unsigned(**changes: Any) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims(**changes))
    return ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts) + "."


def test_a_good_one_is_taken(settings: Any) -> None:
    assert str(read_access_token(signed(settings)).user_id) == claims()["sub"]


def test_ours_are_known_at_a_glance(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = issue_pair(make_user())
    monkeypatch.delattr(jwt, "decode")
    for key in (settings.SECRET_KEY, "f" * 64):
        use_key(settings, key, settings.SECRET_KEY)
        assert read_claims(pair.access, "access")["token_type"] == "access"


_NOW = int(time.time())
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(_NOW - 100, _NOW + 100),
    st.floats(_NOW - 9.0, _NOW + 9.0),
    st.sampled_from(["nexus", "", "access", ["nexus"], {}]),
)


@given(
    changes=st.dictionaries(st.sampled_from(["sub", "aud", "iss", "token_type", "exp", "iat", "jti", "nbf", "crit", "gen"]), _ODD, max_size=3),
    algorithm=st.sampled_from(["HS256", "HS256", "HS512"]),
    headers=st.sampled_from([None, None, {"kid": "1"}, {"crit": ["exp"]}]),
    key=st.sampled_from([None, None, "x" * 64]),
    damage=st.sampled_from(["", "", "=", ".", "A"]),
)
def test_what_is_known_at_a_glance_pyjwt_says_too(
    changes: dict[str, Any], algorithm: str, headers: dict[str, Any] | None, key: str | None, damage: str
) -> None:
    usual = claims(iat=_NOW - 5, jti="one", exp=_NOW + 3600)
    rules = django_settings.SIMPLE_JWT
    try:
        token = jwt.encode(usual | changes, key or rules["SIGNING_KEY"], algorithm=algorithm, headers=headers) + damage
    except TypeError:
        reject()  # PyJWT makes no such token
    glance = signed_claims._known_at_a_glance(token, "access", (rules["SIGNING_KEY"],), rules)
    if not changes and not damage and algorithm == "HS256" and headers is None and key is None:
        assert glance == usual
    if glance is not None:
        required = {"require": ["exp", "aud", "iss", "sub"]}
        assert glance == jwt.decode(token, rules["SIGNING_KEY"], algorithms=["HS256"], audience="nexus", issuer="nexus", options=required)
        assert glance["token_type"] == "access"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_our_own_key_is_refused(settings: Any, algorithm: str) -> None:
    with pytest.raises(NotAuthenticated):
        read_access_token(signed(settings, algorithm=algorithm))


def test_one_without_a_signature_is_refused() -> None:
    for token in (unsigned(), unsigned() + "x", unsigned().replace(".", "..", 1)):
        with pytest.raises(NotAuthenticated):
            read_access_token(token)


def test_one_with_a_key_pair_of_ones_own_is_refused(settings: Any) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    with pytest.raises(NotAuthenticated):
        read_access_token(signed(settings, algorithm="RS256", key=key))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": "other"},
        {"iss": None},
        {"iss": "other"},
        {"exp": None},
        {"exp": 1},
        {"sub": None},
        {"sub": "1"},
        {"sub": 1},
        {"token_type": "refresh"},
        {"token_type": None},
        {"gen": "x"},
        {"gen": []},
        {"exp": "soon"},
        {"exp": [1]},
        {"nbf": 10**10},  # not before the year 2286
    ],
    ids=str,
)
def test_claims_that_are_missing_or_not_ours_are_refused_whoever_signed_them(settings: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        read_access_token(jwt_of(settings, changes))


def test_so_signed_good_claims_are_taken(settings: Any) -> None:
    assert read_access_token(jwt_of(settings, {}))


def jwt_of(settings: Any, changes: dict[str, Any]) -> str:
    """Signed past PyJWT's own opinion of claims."""
    text = b".".join(encoded(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims(**changes)))
    signature = hmac.digest(settings.SECRET_KEY.encode(), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def encoded(part: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=")


def test_what_the_old_key_signed_works_on_until_the_key_is_dropped(settings: Any) -> None:
    use_key(settings, OLD)
    user = make_user()
    pair = issue_pair(user)
    position = seal_position(Position(user.pk, 1, 2, 3))
    use_key(settings, NEW, OLD)
    assert read_access_token(pair.access).user_id == user.pk
    assert open_position(position) == Position(user.pk, 1, 2, 3)
    renewed = rotate(pair.refresh)
    use_key(settings, NEW)
    assert read_access_token(renewed.access).user_id == user.pk, "new tokens are signed with the new key"
    for old in (pair.access, issue_with(settings, OLD, user).access):
        with pytest.raises(NotAuthenticated):
            read_access_token(old)
    with pytest.raises(NotAuthenticated):
        rotate(issue_with(settings, OLD, user).refresh)
    with pytest.raises(BadRequest):
        open_position(position)


def issue_with(settings: Any, key: str, user: Any) -> Any:
    present = settings.SECRET_KEY
    use_key(settings, key)
    pair = issue_pair(user)
    use_key(settings, present)
    return pair


def test_sessions_outlive_a_change_of_the_key_likewise(settings: Any) -> None:
    use_key(settings, OLD)
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    use_key(settings, NEW, OLD)
    assert client.get("/admin/").status_code == 200
    use_key(settings, NEW)
    assert client.get("/admin/").status_code == 200, "it was renewed with the new key when it was used"
    use_key(settings, "x" * 64)
    assert client.get("/admin/").status_code == 302, "nobody is signed in any more"


async def test_the_lean_handlers_are_as_strict(http: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    poll = make_poll()
    bad = (unsigned(), signed(settings, algorithm="HS512"), signed(settings, aud="other"), signed(settings, token_type="refresh"), "x", "")
    for method, path in (("POST", "votes"), ("GET", "votes/mine"), ("GET", "results"), ("POST", "results/ticket"), ("GET", "results/stream")):
        for token in bad:
            headers: dict[str, str | bytes] = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            answer = await ask(method, f"/api/v1/polls/{poll.pk}/{path}", headers=headers, body=b"{}")
            assert answer.status == 401, (path, token)
            assert answer.header("www-authenticate") == "Bearer"


def test_a_refresh_token_is_no_access_token_and_the_other_way_round() -> None:
    pair = issue_pair(make_user())
    with pytest.raises(NotAuthenticated):
        read_access_token(pair.refresh)
    with pytest.raises(NotAuthenticated):
        rotate(pair.access)
    assert isinstance(read_access_token(pair.access).user_id, UUID)
