"""Opens signed tokens: only those that we signed, with a key we still trust, for ourselves, and of the kind that is asked for."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import Any

import jwt
import orjson
from django.conf import settings

from core.errors import NotAuthenticated

_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."  # {"alg":"HS256","typ":"JWT"}, as all tokens of ours begin
_SIGNATURE_LENGTH = 43


def read_claims(token: str, kind: str) -> dict[str, Any]:
    """The claims of a token of ours; `kind` is "access" or "refresh". Raises `NotAuthenticated` for any other, expired ones too.

    The algorithm is the one we sign with, whatever the token says of itself. A signature may be made with SECRET_KEY or with one of
    SECRET_KEY_FALLBACKS, so that a new key can come in while tokens of the old one live on.
    """
    rules: dict[str, Any] = settings.SIMPLE_JWT
    keys: tuple[str, ...] = (rules["SIGNING_KEY"], *settings.SECRET_KEY_FALLBACKS)
    known = _known_at_a_glance(token, kind, keys, rules)
    if known is not None:
        return known
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[rules["ALGORITHM"]],
                audience=rules["AUDIENCE"],
                issuer=rules["ISSUER"],
                options={"require": ["exp", "aud", "iss", rules["USER_ID_CLAIM"]]},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise NotAuthenticated(f"The {kind} token is invalid or has expired.") from error
        if claims.get("token_type") != kind:
            raise NotAuthenticated(f"This is not a token of the kind {kind}.")
        return claims
    raise NotAuthenticated(f"The {kind} token is invalid or has expired.")


def _known_at_a_glance(token: str, kind: str, keys: tuple[str, ...], rules: dict[str, Any]) -> dict[str, Any] | None:
    """The claims of a token that is to the letter as we make them and has nothing to object to; None for all others, which PyJWT judges.

    PyJWT's own way costs many times as much, and in a poll for accounts every vote comes with a token that was never seen.
    """
    signed, _, signature = token.rpartition(".")
    if rules["ALGORITHM"] != "HS256" or not signed.startswith(_HEADER) or len(signature) != _SIGNATURE_LENGTH or not token.isascii():
        return None
    material, given = signed.encode(), signature.encode()
    if not any(hmac.compare_digest(base64.urlsafe_b64encode(hmac.digest(key.encode(), material, "sha256"))[:_SIGNATURE_LENGTH], given) for key in keys):
        return None
    payload = material[len(_HEADER) :]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(claims, dict) or claims.keys() & {"nbf", "crit"}:
        return None
    now, subject = time.time(), claims.get(rules["USER_ID_CLAIM"])
    if type(claims.get("exp")) is not int or type(claims.get("iat")) is not int or not claims["iat"] <= now < claims["exp"]:
        return None
    expected = {"aud": rules["AUDIENCE"], "iss": rules["ISSUER"], "token_type": kind}
    as_usual = type(subject) is str and type(claims.get("jti")) is str and all(claims.get(name) == value for name, value in expected.items())
    return claims if as_usual else None
