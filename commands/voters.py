"""Who counts as one voter: from what a request brings to the voter's key in a poll. A key says nothing about who it is."""

from __future__ import annotations

import hashlib
import os
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple
from uuid import UUID

from commands.codes import normalised
from commands.rules import PollRules
from commands.tokens import VoterToken, derived_key, open_voter_token
from core.credentials import Credentials
from core.errors import NotAuthenticated, PermissionDenied
from core.hot_settings import hot
from core.ids import uuid_of

STRONG_KEY_LENGTH = 22  # characters; 128 bits in base64url


class Voter(NamedTuple):
    """A voter in one poll. `token` is set where the answer must carry it.

    `spare` is the key of a further vote in an `open` poll. `earlier` is who a voter with a token would have been before it had one, had it sent the
    same Idempotency-Key: a vote whose answer was lost may stand under it.
    """

    key: UUID
    token: VoterToken | None = None
    spare: UUID | None = None
    earlier: UUID | None = None


class CodeRefused(PermissionDenied):
    """This poll takes votes with a code that was handed out for it; this is none, or none came."""


def digest(salt: bytes, purpose: bytes, material: bytes) -> UUID:
    """128 bits of keyed BLAKE2b (RFC 7693) over `material`, under the poll's salt and our secret; `purpose` keeps the uses apart (docs/adr/0015)."""
    key = derived_key("voter key", hot.VOTER_KEY_SECRET)
    return uuid_of(hashlib.blake2b(material, key=key, salt=salt, person=purpose, digest_size=16).digest())


def code_key(salt: bytes, code: str) -> UUID:
    """The key of the voter that a code (normalised) makes; all that is ever kept of it."""
    return digest(salt, b"code", code.encode())


def identify(rules: PollRules, credentials: Credentials, *, idempotency_key: str | None) -> Voter:
    """The voter behind a POST.

    Raises `NotAuthenticated` (no account where one is needed, a bad `X-Voter-Token`), `PermissionDenied` (no address where one is needed),
    `CodeRefused` (nothing that could be a code where one is needed; whether it is one, `commands.code_check` asks).
    """
    if rules.voters in {"session", "open"}:
        return _anonymous(rules, credentials, idempotency_key)
    voter = known_voter(rules, credentials)
    if voter is None:
        raise PermissionDenied("This poll does not know such voters.")
    return voter


def known_voter(rules: PollRules, credentials: Credentials) -> Voter | None:
    """The voter that the credentials alone name, as needed to find a ballot again; None for an anonymous one who is new.

    Raises as `identify` does.
    """
    if rules.voters == "account":
        if credentials.user_id is None:
            raise NotAuthenticated("This poll is for account holders: sign in to vote.")
        return Voter(key=digest(rules.salt, b"account", credentials.user_id.bytes))
    if rules.voters == "ip":
        return Voter(key=digest(rules.salt, b"ip", _network(credentials.address)))
    if rules.voters == "code":
        code = normalised(credentials.code)
        if code is None:
            raise CodeRefused
        return Voter(key=code_key(rules.salt, code))
    if rules.voters in {"session", "open"}:
        token = _token(credentials)
        return None if token is None else Voter(key=_anonymous_key(rules, token), token=token)
    return None


def nobody(rules: PollRules) -> Voter:
    """A voter who never voted and never will: whom a request speaks for that says nothing of its voter."""
    return Voter(key=digest(rules.salt, b"nobody", os.urandom(16)))


def _anonymous(rules: PollRules, credentials: Credentials, idempotency_key: str | None) -> Voter:
    token = _token(credentials)
    earlier = None
    if idempotency_key is not None and len(idempotency_key) >= STRONG_KEY_LENGTH:
        seed = _seed(rules.id, idempotency_key)
        if token is None:
            token = VoterToken.fresh().bind(rules.id, seed)
        elif credentials.voter_header is None and (token.bound_to != rules.id or token.seed != seed):  # a cookie may have come meanwhile; a header says who
            earlier = digest(rules.salt, b"seed", seed)
    token = token or VoterToken.fresh()
    spare = None
    if rules.voters == "open":
        again = token.identity + idempotency_key.encode() if idempotency_key is not None else os.urandom(16)
        spare = digest(rules.salt, b"again", again)
    return Voter(key=_anonymous_key(rules, token), token=token, spare=spare, earlier=earlier)


def _anonymous_key(rules: PollRules, token: VoterToken) -> UUID:
    if token.bound_to == rules.id and token.seed is not None:
        return digest(rules.salt, b"seed", token.seed)
    return digest(rules.salt, b"session", token.identity)


def _seed(poll_id: UUID, idempotency_key: str) -> bytes:
    """What a strong Idempotency-Key is worth, in this poll only."""
    key = derived_key("keyed voter", hot.VOTER_KEY_SECRET)
    return hashlib.blake2b(poll_id.bytes + idempotency_key.encode(), key=key, digest_size=16).digest()


def _token(credentials: Credentials) -> VoterToken | None:
    """The voter token: the header wins and must be good, a bad cookie counts as none."""
    if credentials.voter_header is not None:
        return check_voter_token(credentials.voter_header)
    return None if credentials.voter_cookie is None else open_voter_token(credentials.voter_cookie)


def check_voter_token(text: str) -> VoterToken:
    """The token in an `X-Voter-Token`. Raises `NotAuthenticated` for anything else."""
    token = open_voter_token(text)
    if token is None:
        raise NotAuthenticated("X-Voter-Token is not a token of ours.")
    return token


def _network(address: str) -> bytes:
    """What neighbours behind one connection share: the IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ip_address(address.split("%", 1)[0])
    except ValueError as error:
        raise PermissionDenied("This poll counts network addresses, and yours is not known here.") from error
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return ip_network((parsed, 64), strict=False).network_address.packed
        parsed = parsed.ipv4_mapped
    return parsed.packed
