"""Who may follow results: asked before the first event and at every one after it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client

from core.errors import Unavailable
from core.ports import ports
from tests.factories import ballot, make_poll, make_user
from tests.integration.projections.live.conftest import Live, bearer


@pytest.mark.parametrize("rule", ["owner", "after_close", "after_vote"])
async def test_results_that_are_not_for_everybody_are_refused_like_get(live: Live, rule: str) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results=rule)
    for path, method in (("", "GET"), ("/stream", "GET"), ("/ticket", "POST")):
        refused = await live.call(method, poll, path)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/permission-denied"), path
        assert (await live.call(method, poll, path, authorization=bearer(uuid.uuid4()))).status_code == 403
        assert (await live.call(method, poll, path, authorization="Bearer nonsense")).status_code == 401
    for authorization in (bearer(owner.id), bearer(uuid.uuid4(), staff=True)):
        async with live.stream(poll, authorization=authorization) as stream:
            assert (await stream.event())["event"] == "results"


async def test_a_draft_is_there_for_owner_and_staff_only(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, draft=True)
    assert (await live.call("GET", poll, "/stream")).status_code == 404
    assert (await live.call("POST", poll, "/ticket")).status_code == 404
    async with live.stream(poll, authorization=bearer(owner.id)) as stream:
        assert (await stream.event()).results["state"] == "draft"


async def test_a_bad_bearer_is_401_even_where_none_is_needed(live: Live) -> None:
    poll = make_poll()
    answer = await live.call("GET", poll, "/stream", authorization="Bearer nonsense")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_poll_that_turns_to_owner_ends_the_streams_of_others_and_tells_them_nothing(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner)
    async with live.stream(poll) as stranger, live.stream(poll, authorization=bearer(owner.id)) as own:
        await stranger.event()
        await own.event()
        changed = live.change(poll, results="owner")
        assert await stranger.next() is None
        assert (await own.event())["id"] == str(changed.version)
        live.vote(poll)
        assert (await own.event()).results["ballots"] == 1


async def test_a_token_that_expires_ends_the_stream_at_the_next_event(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    expired = bearer(owner.id, seconds=1)
    async with live.stream(poll, authorization=expired) as stream, live.stream(poll, authorization=bearer(owner.id)) as other:
        await stream.event()
        await other.event()
        while (await live.call("GET", poll, authorization=expired)).status_code == 200:
            pass
        live.vote(poll)
        assert (await other.event()).results["ballots"] == 1
        assert await stream.next() is None


async def test_who_takes_the_vote_back_sees_no_more(live: Live) -> None:
    poll = make_poll(results="after_vote", changeable=True)
    cast = await live.client.post(f"/api/v1/polls/{poll.id}/votes", json=ballot(poll, [0]))
    assert cast.status_code == 201, cast.text
    token = cast.headers["x-voter-token"]
    live.client.cookies.clear()
    async with live.stream(poll, x_voter_token=token) as stream, live.stream(poll, cookie=f"nexus_voter={token}") as by_cookie:
        await stream.event()
        await by_cookie.event()
        live.vote(poll)
        assert (await stream.event()).results["ballots"] == 1
        await by_cookie.event()
        withdrawn = await live.client.delete(f"/api/v1/polls/{poll.id}/votes/mine", headers={"X-Voter-Token": token})
        assert withdrawn.status_code == 204, withdrawn.text
        live.vote(poll, -1)
        assert await stream.next() is None
        assert await by_cookie.next() is None


async def test_after_close_opens_to_everybody_by_the_clock(live: Live) -> None:
    closes_at = datetime.now(UTC) + timedelta(seconds=1)
    owner = make_user()
    poll = make_poll(owner=owner, results="after_close", closes_at=closes_at)
    assert (await live.call("GET", poll, "/stream")).status_code == 403
    async with live.stream(poll, authorization=bearer(owner.id)) as own:
        assert [(await own.event()).results["state"] for _ in range(2)] == ["open", "closed"]
    async with live.stream(poll) as stream:
        assert (await stream.event()).results["state"] == "closed"


async def test_a_django_session_may_follow_too(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    signed_in = Client()
    await sync_to_async(signed_in.force_login)(owner)
    name = django_settings.SESSION_COOKIE_NAME
    cookie = f"{name}={signed_in.cookies[name].value}"
    async with live.stream(poll, cookie=cookie) as stream:
        await stream.event()
        live.vote(poll)
        assert (await stream.event()).results["ballots"] == 1
        await sync_to_async(signed_in.logout)()
        live.vote(poll)
        assert await stream.next() is None


async def test_what_cannot_be_judged_is_not_shown_until_it_can(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = make_poll(results="after_vote")
    away = False

    async def holds_ballot(credentials: Any, poll_id: uuid.UUID) -> bool:
        if away:
            raise Unavailable
        return True

    monkeypatch.setattr(ports, "_ballot_lookup", holds_ballot)
    async with live.stream(poll) as stream:
        await stream.event()
        away = True
        live.vote(poll)
        live.vote(poll)
        with pytest.raises(TimeoutError):
            await stream.next(seconds=1.2)
    async with live.stream(poll) as stream:
        assert stream.answer.status_code == 503
