"""Opens signed tokens: only those that we signed, with a key we still trust, for ourselves, and of the kind that is asked for."""

from __future__ import annotations

from typing import Any

import jwt
from django.conf import settings

from core.errors import NotAuthenticated


def read_claims(token: str, kind: str) -> dict[str, Any]:
    """The claims of a token of ours; `kind` is "access" or "refresh". Raises `NotAuthenticated` for any other, expired ones too.

    The algorithm is the one we sign with, whatever the token says of itself. A signature may be made with SECRET_KEY or with one of
    SECRET_KEY_FALLBACKS, so that a new key can come in while tokens of the old one live on.
    """
    rules: dict[str, Any] = settings.SIMPLE_JWT
    for key in (rules["SIGNING_KEY"], *settings.SECRET_KEY_FALLBACKS):
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
