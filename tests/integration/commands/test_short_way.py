"""A vote that comes whole is answered as one that comes in pieces: by the short way where it can be, by the long one where not, and nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client

from commands.issuing import issue_codes
from commands.models import Poll
from core.accounts.revocations import revocations
from core.accounts.tokens import issue_pair
from core.limits import vote_limit
from tests.both_ways import HANDED_OVER, LONG, SHORT, Case, Vote, Ways, over_https
from tests.contract.voting import KEY, SHORT_KEY
from tests.counting import own_names
from tests.factories import ballot, make_poll, make_user
from tests.security.conftest import Running, running
from tests.waiting import until

__all__ = ["own_names", "running"]
FRIEND, CODE = "https://friend.example", "0000-0000-0000-0000"
_NOW = datetime.now(UTC)


@pytest.fixture
def ways(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ways]:
    vote_limit.cache_clear()
    yield Ways(running, monkeypatch)
    vote_limit.cache_clear()


def bearer(user: Any = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_pair(user or make_user()).access}"}


def plain(lines: dict[str, str] | Callable[[], dict[str, str]] | None = None, *, body: Any = None, raw: bytes | None = None, **fields: Any) -> Case:
    """A vote in a new poll whose rules are at hand."""

    async def case(ways: Ways) -> Vote:
        return Vote(await ways.at_hand(**fields), body, raw, lines() if callable(lines) else lines)

    return case


def second(carry: str, *, key: str | None = None, again: str | None = None, pick: int | None = None, more: dict[str, str] | None = None, **fields: Any) -> Case:
    """A vote of somebody who has voted: of the same account or address, or with the token that came with the first answer as `carry` says."""

    async def case(ways: Ways) -> Vote:
        poll, lines = await ways.at_hand(**fields), bearer() if carry == "bearer" else {}
        first, _ = await ways.send(Vote(poll, lines=lines | ({} if key is None else {"Idempotency-Key": key})), whole=False)
        assert first.status == 201
        if carry == "cookie":
            lines["Cookie"] = first.headers["set-cookie"].partition(";")[0]
        elif carry == "header":
            lines["X-Voter-Token"] = first.headers["x-voter-token"]
        return Vote(poll, None if pick is None else ballot(poll, [pick]), lines=lines | (more or {}) | ({} if again is None else {"Idempotency-Key": again}))

    return case


def elsewhere(carry: str, **more: str) -> Case:
    """A vote with a token that came from another poll."""

    async def case(ways: Ways) -> Vote:
        vote = await second(carry)(ways)
        return Vote(await ways.at_hand(), lines=(vote.lines or {}) | {name.replace("_", "-"): value for name, value in more.items()})

    return case


def changed(lines: dict[str, str] | None = None, **fields: Any) -> Case:
    """A vote in a poll that has just been changed, which this process does not know yet."""

    async def case(ways: Ways) -> Vote:
        poll = await ways.at_hand()
        Poll.objects.filter(id=poll.id).update(**{"rules_version": 2} | fields)
        return Vote(poll, lines=lines)

    return case


async def unknown(_: Ways) -> Vote:
    poll = make_poll()
    body = ballot(poll)
    poll.id = uuid4()
    return Vote(poll, body)


async def not_at_hand(_: Ways) -> Vote:
    return Vote(make_poll())


async def gone(ways: Ways) -> Vote:
    vote = await plain()(ways)
    vote.body = ballot(vote.poll)
    Poll.objects.filter(id=vote.poll.id).delete()
    return vote


async def revoked(ways: Ways) -> Vote:
    user = make_user()
    revocations().note(user.pk, user.token_generation)
    return await plain(bearer(user), voters="account")(ways)


async def with_code(ways: Ways) -> Vote:
    poll = await ways.at_hand(voters="code")
    (code,) = issue_codes(poll_id=poll.id, actor=poll.owner, body={"count": 1})
    return Vote(poll, ballot(poll) | {"code": code})


def signed_in(*, csrf: bool) -> Callable[[], dict[str, str]]:
    def lines() -> dict[str, str]:
        client = Client()
        client.force_login(make_user())
        session = f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
        return {"Cookie": f"{session}; {django_settings.CSRF_COOKIE_NAME}={'t' * 32}", "X-CSRFToken": "t" * 32} if csrf else {"Cookie": session}

    return lines


COUNTED: dict[str, tuple[Case, str]] = {
    "a new session voter": (plain(), SHORT),
    "one whose poll is not at hand": (not_at_hand, LONG),
    "one with a cookie from elsewhere": (elsewhere("cookie"), SHORT),
    "one with a token from elsewhere": (elsewhere("header"), SHORT),
    "one with a bad cookie": (plain({"Cookie": "nexus_voter=rubbish"}), SHORT),
    "one with a code that nobody asks for": (plain({"X-Voter-Code": CODE}), SHORT),
    "one who says more than that": (plain({"Connection": "keep-alive", "Accept": "*/*", "User-Agent": "curl/8", "X-Empty": ""}), SHORT),
    "one whose media type says more": (plain({"Content-Type": "Application/JSON; charset=utf-8"}), SHORT),
    "an account": (plain(bearer, voters="account"), SHORT),
    "an account in a session poll": (plain(bearer), SHORT),
    "an account with a session as well": (plain(lambda: bearer() | signed_in(csrf=False)(), voters="account"), SHORT),
    "an account by its session": (plain(signed_in(csrf=True), voters="account"), LONG),
    "an address": (plain(voters="ip"), SHORT),
    "anybody": (plain(voters="open"), LONG),
    "a code": (with_code, LONG),
    "a weak key": (plain({"Idempotency-Key": SHORT_KEY}), SHORT),
    "a strong key": (plain({"Idempotency-Key": KEY}), SHORT),
    "a strong key and a cookie from elsewhere": (elsewhere("cookie", Idempotency_Key=KEY), LONG),
    "a strong key and a token from elsewhere": (elsewhere("header", Idempotency_Key=KEY), SHORT),
    "a strong key again": (second("", key=KEY, again=KEY), HANDED_OVER),
    "a strong key again, with the cookie that came meanwhile": (second("cookie", key=KEY, again=KEY), HANDED_OVER),
    "a weak key again": (second("header", key=SHORT_KEY, again=SHORT_KEY), HANDED_OVER),
    "a weak key again, of an account": (second("bearer", key=SHORT_KEY, again=SHORT_KEY, voters="account"), HANDED_OVER),
    "our own origin": (plain({"Origin": "http://localhost"}), SHORT),
    "an origin that is allowed": (plain({"Origin": FRIEND}), SHORT),
    "rules that changed meanwhile": (changed(), HANDED_OVER),
    "voters that changed meanwhile": (changed(voters="ip"), HANDED_OVER),
}
REFUSED: dict[str, tuple[Case, int, str]] = {
    "a second vote with the cookie": (second("cookie"), 409, HANDED_OVER),
    "a second vote with the token": (second("header", again=KEY), 409, HANDED_OVER),
    "a second vote with the cookie and a strong key": (second("cookie", again=KEY), 409, LONG),
    "a second vote of an account": (second("bearer", voters="account"), 409, HANDED_OVER),
    "a second vote from an address": (second("", voters="ip"), 409, HANDED_OVER),
    "a second vote from an allowed origin": (second("cookie", more={"Origin": FRIEND}), 409, HANDED_OVER),
    "a key for another ballot": (second("", key=KEY, again=KEY, pick=1), 422, HANDED_OVER),
    "a key that cannot be": (plain({"Idempotency-Key": "with space"}), 400, LONG),
    "a key with a blank behind it": (plain({"Idempotency-Key": "blank "}), 400, LONG),
    "a closed poll": (plain(closes_at=_NOW - timedelta(hours=1)), 409, LONG),
    "a poll that is not yet open": (plain(opens_at=_NOW + timedelta(days=9)), 409, LONG),
    "a poll closed meanwhile": (changed(closes_at=_NOW, rules_version=1), 409, HANDED_OVER),
    "a poll closed and changed meanwhile": (changed(closes_at=_NOW), 409, HANDED_OVER),
    "a draft": (plain(draft=True), 404, LONG),
    "a poll made a draft meanwhile": (changed(draft=True), 404, HANDED_OVER),
    "a poll that nobody knows": (unknown, 404, LONG),
    "a poll deleted meanwhile": (gone, 404, HANDED_OVER),
    "a poll for accounts meanwhile": (changed(voters="account"), 401, HANDED_OVER),
    "no JSON": (plain(raw=b"{"), 400, LONG),
    "no object": (plain(raw=b"[]"), 400, LONG),
    "no body": (plain(raw=b""), 400, LONG),
    "another media type": (plain({"Content-Type": "text/plain"}), 415, LONG),
    "a body that is too large": (plain(raw=b"{" + b" " * 512 * 1024 + b"}"), 413, LONG),
    "no ballot": (plain(body={}), 400, LONG),
    "a choice that there is not": (plain(body={"answers": [{"question": "x", "choices": ["y"]}]}), 400, LONG),
    "a character NUL": (plain(raw=b'{"answers": [], "x": "\\u0000"}'), 400, LONG),
    "a foreign origin": (plain({"Origin": "https://foe.example"}), 403, LONG),
    "an origin with a blank behind it": (plain({"Origin": f"{FRIEND} "}), 403, LONG),
    "a name that is not ours": (plain({"Host": "foe.example"}), 400, LONG),
    "a session without its CSRF token": (plain(signed_in(csrf=False)), 403, LONG),
    "a bad access token": (plain({"Authorization": "Bearer a.b.c"}), 401, LONG),
    "another scheme": (plain({"Authorization": "Basic eDp5"}), 401, LONG),
    "a void access token": (revoked, 401, LONG),
    "nobody in a poll for accounts": (plain(voters="account"), 401, LONG),
    "a bad voter token": (plain({"X-Voter-Token": "rubbish"}), 401, LONG),
    "a code that is none": (plain(body={"code": CODE}, voters="code"), 403, LONG),
}


async def test_what_is_counted_is_answered_alike(ways: Ways, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    for about, (case, way) in COUNTED.items():
        await ways.compare(case, about, 201, way)
    assert ways.nothing_is_left()


async def test_what_is_refused_is_refused_alike(ways: Ways, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    for about, (case, status, way) in REFUSED.items():
        await ways.compare(case, about, status, way)
    assert ways.nothing_is_left()


async def test_a_replay_is_the_first_answer_by_whichever_way_it_came(ways: Ways) -> None:
    poll = await ways.at_hand()
    lines = {"Idempotency-Key": KEY}
    answers = [await ways.send(Vote(poll, lines=lines), whole=whole) for whole in (True, True, False)]
    assert [way for _, way in answers] == [SHORT, HANDED_OVER, LONG]
    assert [answer.body for answer, _ in answers] == [answers[0][0].body] * 3


async def test_the_token_of_the_answer_is_the_voters(ways: Ways) -> None:
    poll = await ways.at_hand()
    first, way = await ways.send(Vote(poll))
    assert way == SHORT
    for lines in ({"Cookie": first.headers["set-cookie"].partition(";")[0]}, {"X-Voter-Token": first.headers["x-voter-token"]}):
        assert (await ways.send(Vote(poll, lines=lines)))[0].status == 409


@pytest.fixture
def fresh_limits(own_names: str, settings: Any) -> Callable[[str], None]:
    """Limits from which nothing was taken yet."""

    def to(rate: str) -> None:
        settings.VOTE_RATE_LIMIT, settings.REDIS_PREFIX = rate, f"{own_names}:{uuid4().hex[:6]}"
        vote_limit.cache_clear()

    return to


async def test_limits_are_kept_and_told_alike(ways: Ways, fresh_limits: Callable[[str], None]) -> None:
    def after(votes: int, case: Case) -> Case:
        async def limited(ways: Ways) -> Vote:
            fresh_limits("2/hour")
            for _ in range(votes):
                await ways.send(await plain()(ways), whole=False)
            return await case(ways)

        return limited

    first = await ways.compare(after(0, plain()), "the first", 201, SHORT)
    assert first.headers["ratelimit"].startswith('"vote";r=1;')
    await ways.compare(after(0, plain(bearer, voters="account")), "an account", 201, SHORT)
    assert (await ways.compare(after(0, second("cookie")), "one more", 409, HANDED_OVER)).headers["ratelimit"].startswith('"vote";r=0;')
    await ways.compare(after(0, changed()), "the rules have changed", 201, HANDED_OVER)
    await ways.compare(after(0, plain(raw=b"{")), "no JSON costs nothing", 400, LONG)
    refused = await ways.compare(after(2, plain()), "too many", 429, HANDED_OVER)
    assert refused.headers.keys() >= {"ratelimit", "ratelimit-policy", "retry-after"}
    assert ways.nothing_is_left()


@pytest.mark.parametrize(("fail_open", "status", "way"), [(True, 201, SHORT), (False, 503, HANDED_OVER)])
async def test_with_redis_away_too(
    ways: Ways, fresh_limits: Callable[[str], None], settings: Any, monkeypatch: pytest.MonkeyPatch, *, fail_open: bool, status: int, way: str
) -> None:
    async def away(_takes: Any) -> Any:
        raise ConnectionRefusedError

    monkeypatch.setattr("core.limits.run_takes", away)
    settings.RATE_LIMIT_FAIL_OPEN = fail_open
    fresh_limits("2/hour")
    for about in ("the one who finds out", "one who need not ask"):
        await ways.compare(plain(), about, status, way)
    assert ways.nothing_is_left()


async def test_behind_a_proxy_with_tls(ways: Ways, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    secure = await ways.compare(plain(forwarded), "TLS that nobody asked for", 201, SHORT)
    assert (secure.headers["set-cookie"].endswith("; Secure"), secure.headers.get("strict-transport-security")) == (True, None)
    settings.HTTPS, settings.PUBLIC_URL, settings.SECURE_HSTS_SECONDS = True, "https://polls.example", 600
    over_https()
    asked_for = await ways.compare(plain(forwarded, voters="ip"), "an address behind it", 201, SHORT)
    assert asked_for.headers["strict-transport-security"] == "max-age=600"
    assert (await ways.compare(plain(forwarded), "TLS", 201, SHORT)).headers["set-cookie"].endswith("; Secure")
    for lines in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https, http"}):
        assert "location" in (await ways.compare(plain(lines), "in the clear", 308, LONG)).headers
    settings.TRUSTED_PROXIES = []
    await ways.compare(plain(forwarded), "from whom nobody trusts", 308, LONG)
    assert ways.nothing_is_left()


async def test_a_proxys_clients_are_told_apart(ways: Ways, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    poll = await ways.at_hand(voters="ip")
    answers = [await ways.send(Vote(poll, lines={"X-Forwarded-For": address})) for address in ("192.0.2.7", "192.0.2.8", "192.0.2.7")]
    assert [(answer.status, way) for answer, way in answers] == [(201, SHORT), (201, SHORT), (409, HANDED_OVER)]
    await until(ways.nothing_is_left)
