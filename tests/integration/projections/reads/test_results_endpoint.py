"""`GET …/results` as HTTP: validators, caches, credentials, methods, and the poll's states."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings

from commands.tokens import VoterToken
from core.ports import ports
from tests.factories import make_poll, make_user
from tests.integration.projections.reads.conftest import Web


def bearer(user_id: uuid.UUID, **claims: Any) -> str:
    rules: dict[str, Any] = django_settings.SIMPLE_JWT
    usual = {"sub": str(user_id), "aud": rules["AUDIENCE"], "iss": rules["ISSUER"], "token_type": "access", "exp": datetime.now(UTC) + timedelta(minutes=1)}
    return "Bearer " + jwt.encode(usual | claims, rules["SIGNING_KEY"], algorithm=rules["ALGORITHM"])


async def test_the_answer_and_its_headers(web: Web) -> None:
    poll = make_poll(questions=[{"choices": 3}, {}])
    answer = await web.get(poll)
    body = answer.json()
    assert list(body) == ["poll", "title", "state", "version", "as_of", "final", "ballots", "questions"]
    assert (body["poll"], body["state"], body["ballots"], body["final"]) == (str(poll.id), "open", 0, False)
    assert [len(question["choices"]) for question in body["questions"]] == [3, 2]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=5"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert not {"set-cookie", "vary"} & set(answer.headers)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_304_has_the_same_validators_and_no_body(web: Web, form: str) -> None:
    poll = make_poll()
    whole = await web.get(poll)
    answer = await web.get(poll, if_none_match=form.format(whole.headers["etag"]))
    assert (answer.status_code, answer.content) == (304, b"")
    assert {name: answer.headers[name] for name in ("etag", "cache-control")} == {name: whole.headers[name] for name in ("etag", "cache-control")}
    assert not {"content-type", "content-length"} & set(answer.headers)
    assert (await web.get(poll, if_none_match='"1.0.open"')).content == whole.content


async def test_head_is_get_without_its_body(web: Web) -> None:
    poll = make_poll()
    whole, head = await web.get(poll), await web.get(poll, method="HEAD")
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(whole.headers))


async def test_equal_tags_are_equal_bytes_from_whatever_source(web: Web) -> None:
    await web.feed.stop()
    poll = make_poll()
    seen: dict[str, bytes] = {}
    for round_ in range(4):
        web.count(poll)
        if round_ % 2:
            web.render(poll)
        await web.parts.loader._confirm(str(poll.id))
        for _ in range(2):
            answer = await web.get(poll)
            assert seen.setdefault(answer.headers["etag"], answer.content) == answer.content
    assert len(seen) == 4


async def test_other_methods_and_options(web: Web) -> None:
    poll = make_poll()
    refused = await web.get(poll, method="POST")
    assert (refused.status_code, refused.json()["type"], refused.headers["allow"]) == (405, "/problems/method-not-allowed", "GET, HEAD, OPTIONS")
    options = await web.get(poll, method="OPTIONS")
    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("poll_id", ["1", "x" * 36, str(uuid.uuid4()).upper(), uuid.uuid4().hex, f"{{{uuid.uuid4()}}}", str(uuid.uuid4()) + "%0A"])
async def test_a_malformed_id_is_404(web: Web, poll_id: str) -> None:
    assert (await web.get(poll_id)).json()["type"] == "/problems/not-found"
    assert (web.redis_asked, web.postgres_asked) == (0, 0)


async def test_an_unknown_poll_is_404(web: Web) -> None:
    assert (await web.get(str(uuid.uuid4()))).status_code == 404


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic YTpi", "Bearer", ""])
async def test_a_bad_bearer_is_401_even_where_none_is_needed(web: Web, authorization: str) -> None:
    poll = make_poll()
    await web.get(poll)
    answer = await web.get(poll, authorization=authorization)
    assert (answer.status_code, answer.json()["type"], answer.headers["www-authenticate"]) == (401, "/problems/not-authenticated", "Bearer")
    assert (await web.get(poll, authorization=bearer(uuid.uuid4()))).status_code == 200


async def test_a_draft_is_there_for_owner_and_staff_only(web: Web) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, draft=True)
    assert (await web.get(poll)).status_code == 404
    assert (await web.get(poll, authorization=bearer(uuid.uuid4()))).status_code == 404
    for authorization in (bearer(owner.id), bearer(uuid.uuid4(), staff=True)):
        answer = await web.get(poll, authorization=authorization)
        assert (answer.status_code, answer.json()["state"], answer.headers["cache-control"]) == (200, "draft", "private, no-store")
    assert (await web.get(poll)).status_code == 404


async def test_results_for_some_are_never_in_a_shared_cache(web: Web) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    answer = await web.get(poll, authorization=bearer(owner.id))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert answer.headers["vary"] == "Authorization, Cookie, X-Voter-Token, X-Voter-Code"
    unchanged = await web.get(poll, authorization=bearer(owner.id), if_none_match=answer.headers["etag"])
    assert (unchanged.status_code, unchanged.headers["vary"]) == (304, answer.headers["vary"])
    for refused in (await web.get(poll), await web.get(poll, if_none_match=answer.headers["etag"]), await web.get(poll, if_none_match="*")):
        assert (refused.status_code, refused.json()["type"], refused.headers["cache-control"]) == (403, "/problems/permission-denied", "no-store")


async def test_after_vote_is_for_those_who_voted(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = make_poll(results="after_vote")
    token = VoterToken.fresh().seal()

    async def holds_ballot(credentials: Any, poll_id: uuid.UUID) -> bool:
        return poll_id == poll.id and token in (credentials.voter_header, credentials.voter_cookie)

    monkeypatch.setattr(ports, "_ballot_lookup", holds_ballot)
    assert (await web.get(poll)).status_code == 403
    assert (await web.get(poll, cookie=f"nexus_voter={token}")).status_code == 200
    assert (await web.get(poll, x_voter_token="forged")).status_code == 401
    assert (await web.get(poll, x_voter_token=token)).headers["cache-control"] == "private, no-store"


async def test_the_state_turns_at_its_moment_with_no_process_awake(web: Web) -> None:
    await web.feed.stop()
    owner = make_user()
    closes_at = datetime.now(UTC) + timedelta(seconds=0.9)
    poll = make_poll(owner=owner, results="after_close", closes_at=closes_at)
    assert (await web.get(poll)).status_code == 403
    await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds() - 0.2)
    assert (await web.get(poll)).status_code == 403
    await asyncio.sleep((closes_at - datetime.now(UTC)).total_seconds() + 0.001)
    answer = await web.get(poll)
    assert (answer.status_code, answer.json()["state"], answer.headers["etag"]) == (200, "closed", '"1.1.closed"')
    assert answer.headers["cache-control"].startswith("public")


async def test_allowed_origins_are_told_so_and_others_refused(web: Web, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
    poll = make_poll()
    assert (await web.get(poll)).headers["vary"] == "Origin"
    answer = await web.get(poll, origin="https://friend.example")
    assert (answer.headers["access-control-allow-origin"], answer.headers.get_list("vary")) == ("https://friend.example", ["Origin"])
    assert (await web.get(poll, origin="https://foe.example")).status_code == 403
    preflight = await web.get(poll, method="OPTIONS", origin="https://friend.example")
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, HEAD, OPTIONS")
