"""Who counts as one voter, and what a token, a key or a stranger's guess is worth."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.casting import canonical
from commands.rules import PollRules
from commands.tokens import VoterToken, open_voter_token, secret_fingerprint
from commands.voters import identify, known_voter
from core.credentials import Credentials
from core.errors import NotAuthenticated, PermissionDenied

KEY = "a-key-of-at-least-22-characters"


def poll(voters: str, number: int = 1) -> PollRules:
    return PollRules(
        id=uuid.UUID(int=number),
        voters=voters,
        changeable=False,
        draft=False,
        opens_at=None,
        closes_at=None,
        sealed_at=None,
        salt=bytes([number]) * 16,
        version=1,
        owner_id=uuid.UUID(int=9),
        questions={},
    )


def with_token(token: VoterToken) -> Credentials:
    return Credentials(voter_header=token.seal())


def test_a_token_comes_back_as_it_was_sealed() -> None:
    plain = VoterToken.fresh()
    bound = plain.bind(uuid.uuid4(), b"s" * 16)
    assert open_voter_token(plain.seal()) == plain
    assert open_voter_token(bound.seal()) == bound


@given(flipped=st.integers(0, 10_000), bound=st.booleans())
def test_a_token_with_one_bit_changed_is_no_token(flipped: int, bound: bool) -> None:
    token = VoterToken.fresh()
    text = (token.bind(uuid.uuid4(), b"s" * 16) if bound else token).seal()
    raw = bytearray(base64.urlsafe_b64decode(text + "=="))
    raw[flipped // 8 % len(raw)] ^= 1 << flipped % 8
    assert open_voter_token(base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()) is None


@given(text=st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    assert open_voter_token(text) is None


def test_a_changed_secret_makes_every_token_worthless_and_shows_in_the_fingerprint(settings: Any) -> None:
    text, fingerprint = VoterToken.fresh().seal(), secret_fingerprint()
    settings.VOTER_KEY_SECRET = "another"
    assert open_voter_token(text) is None
    assert secret_fingerprint() != fingerprint


def test_one_token_has_unrelated_keys_in_two_polls_and_one_key_in_each() -> None:
    token = VoterToken.fresh()
    here, there = (identify(poll("session", number), with_token(token), idempotency_key=None).key for number in (1, 2))
    assert here != there
    assert here == identify(poll("session", 1), with_token(token), idempotency_key=KEY).key


def test_a_cookieless_retry_with_a_strong_key_is_the_same_voter_here_and_another_elsewhere() -> None:
    first, retry = (identify(poll("session"), Credentials(), idempotency_key=KEY) for _ in range(2))
    assert first.key == retry.key
    assert first.token is not None
    assert retry.token is not None
    assert first.token.identity != retry.token.identity
    assert (
        identify(poll("session", 2), with_token(first.token), idempotency_key=None).key
        != identify(poll("session", 2), with_token(retry.token), idempotency_key=None).key
    )
    assert known_voter(poll("session"), with_token(first.token)) is not None
    assert identify(poll("session"), Credentials(), idempotency_key="short").key != identify(poll("session"), Credentials(), idempotency_key="short").key


def test_the_header_wins_over_the_cookie() -> None:
    header, cookie = VoterToken.fresh(), VoterToken.fresh()
    both = with_token(header)._replace(voter_cookie=cookie.seal())
    assert identify(poll("session"), both, idempotency_key=None).key == identify(poll("session"), with_token(header), idempotency_key=None).key
    with pytest.raises(NotAuthenticated):
        identify(poll("session"), both._replace(voter_header="x"), idempotency_key=None)


def test_an_account_is_one_voter_whatever_else_it_brings() -> None:
    user = uuid.uuid4()
    keys = {identify(poll("account"), Credentials(user_id=user, voter_cookie=cookie), idempotency_key=None).key for cookie in (None, VoterToken.fresh().seal())}
    assert len(keys) == 1
    with pytest.raises(NotAuthenticated):
        identify(poll("account"), with_token(VoterToken.fresh()), idempotency_key=None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_an_address_is_one_voter_ipv6_by_its_network(one: str, other: str, same: bool) -> None:
    keys = {identify(poll("ip"), Credentials(address=address), idempotency_key=None).key for address in (one, other)}
    assert (len(keys) == 1) == same


def test_without_an_address_nobody_votes_in_an_ip_poll() -> None:
    with pytest.raises(PermissionDenied):
        identify(poll("ip"), Credentials(address=""), idempotency_key=None)


ANSWERS = st.lists(st.fixed_dictionaries({"question": st.text(max_size=3), "choices": st.lists(st.text(max_size=3), max_size=3)}), max_size=4)


@given(answers=ANSWERS, order=st.randoms())
def test_the_order_of_answers_and_members_makes_no_difference_and_the_order_of_choices_does(answers: list[dict[str, Any]], order: Any) -> None:
    shuffled = [dict(reversed(answer.items())) for answer in answers]
    order.shuffle(shuffled)
    assert canonical({"answers": answers, "x": 1}) == canonical({"x": 1, "answers": shuffled})
    if any(len(set(answer["choices"])) > 1 for answer in answers):
        turned = [{**answer, "choices": sorted(answer["choices"])} for answer in answers]
        backwards = [{**answer, "choices": sorted(answer["choices"], reverse=True)} for answer in answers]
        assert canonical({"answers": turned}) != canonical({"answers": backwards})
