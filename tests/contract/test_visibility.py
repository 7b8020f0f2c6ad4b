"""Who sees results, and when: one rule, held by every path, for every kind of voter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from commands.facts import facts_of
from commands.issuing import issue_codes
from commands.models import Poll
from core.accounts.models import User
from core.events import PollSaved
from core.ports import ports
from core.shapes import RESULTS, VOTERS
from projections.document import ResultsDocument
from projections.exports.reports import reports
from tests.contract.voting import bearer, make_poll_, make_user_, vote

API_PATHS = ("results", "results/timeline", "results.csv", "results.json", "results.pdf")
PAGES = ("results", "embed/results")
PUBLIC, PRIVATE = "public, max-age=1, stale-while-revalidate=5", "private, no-store"
VARY = "Authorization, Cookie, X-Voter-Token, X-Voter-Code"
ELSEWHERE, AT_THE_VOTERS = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.7"}


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]


@pytest_asyncio.fixture(autouse=True)
async def quick_reports(http: httpx.AsyncClient) -> AsyncIterator[None]:
    """What a report looks like is asked elsewhere."""

    async def make(document: ResultsDocument, state: str) -> bytes:
        return f"%PDF {document.title} {state}".encode()

    made = reports()
    usual, made._make = made._make, make
    yield
    made._make = usual


@dataclass(frozen=True)
class People:
    """The headers by which each is known. `voter` has voted."""

    anonymous: dict[str, str]
    other: dict[str, str]
    voter: dict[str, str]
    owner: dict[str, str]
    staff: dict[str, str]

    def all(self) -> dict[str, dict[str, str]]:
        return {name: getattr(self, name) for name in ("anonymous", "other", "voter", "owner", "staff")}


@sync_to_async
def codes_for(poll: Poll) -> list[str]:
    return issue_codes(poll_id=poll.id, actor=poll.owner, body={"count": 1})


@sync_to_async
def closed_now(poll: Poll) -> None:
    poll.closes_at = datetime.now(UTC) - timedelta(seconds=1)
    poll.save()
    ports.publish(PollSaved(poll=facts_of(poll)))


async def people_of(http: httpx.AsyncClient, poll: Poll, owner: User) -> People:
    """Casts the voter's vote, in whatever way the poll knows its voters."""
    known = dict(AT_THE_VOTERS)
    if poll.voters == "account":
        known["Authorization"] = await bearer(await make_user_())
    body = None
    if poll.voters == "code":
        known["X-Voter-Code"] = (await codes_for(poll))[0]
    cast = await vote(http, poll, body, **known)
    assert cast.status_code == 201, cast.text
    if poll.voters in {"session", "open"}:
        known["X-Voter-Token"] = cast.headers["X-Voter-Token"]
    return People(
        anonymous=ELSEWHERE,
        other=ELSEWHERE | {"Authorization": await bearer(await make_user_())},
        voter=known,
        owner=ELSEWHERE | {"Authorization": await bearer(owner)},
        staff=ELSEWHERE | {"Authorization": await bearer(await make_user_(is_staff=True))},
    )


def may_see(person: str, results: str, *, closed: bool) -> bool:
    if person in {"owner", "staff"} or results == "always":
        return True
    if results == "after_vote":
        return closed or person == "voter"
    return results == "after_close" and closed


async def get(http: httpx.AsyncClient, path: str, headers: dict[str, str], **more: str) -> httpx.Response:
    http.cookies.clear()
    return await http.get(path, headers=headers | {name.replace("_", "-"): value for name, value in more.items()})


@pytest.mark.parametrize("results", RESULTS)
@pytest.mark.parametrize("voters", VOTERS)
async def test_every_path_shows_results_to_the_same_people_at_the_same_time(http: httpx.AsyncClient, voters: str, results: str) -> None:
    owner = await make_user_()
    poll = await make_poll_(owner=owner, voters=voters, results=results, title="A secret?")
    people = await people_of(http, poll, owner)
    await assert_rule(http, poll, people, closed=False)
    await closed_now(poll)
    while (await get(http, f"/api/v1/polls/{poll.id}/results", people.owner)).json()["state"] != "closed":
        pass
    await assert_rule(http, poll, people, closed=True)


async def assert_rule(http: httpx.AsyncClient, poll: Poll, people: People, *, closed: bool) -> None:
    public = may_see("anonymous", poll.results, closed=closed)
    for person, headers in people.all().items():
        allowed = may_see(person, poll.results, closed=closed)
        for path in API_PATHS:
            answer = await get(http, f"/api/v1/polls/{poll.id}/{path}", headers)
            said = (person, path, closed, answer.text)
            if allowed:
                assert (answer.status_code, answer.headers["Cache-Control"]) == (200, PUBLIC if public else PRIVATE), said
                assert answer.headers.get("Vary") == (None if public else VARY), said
                assert "Set-Cookie" not in answer.headers
                unchanged = await get(http, f"/api/v1/polls/{poll.id}/{path}", headers, If_None_Match=answer.headers["ETag"])
                assert (unchanged.status_code, unchanged.headers["Cache-Control"]) == (304, answer.headers["Cache-Control"]), said
            else:
                assert (answer.status_code, answer.headers["Cache-Control"]) == (403, "no-store"), said
                assert answer.json()["type"] == "/problems/permission-denied"
                assert (await get(http, f"/api/v1/polls/{poll.id}/{path}", headers, If_None_Match="*")).status_code == 403
        for path in PAGES:
            answer = await get(http, f"/polls/{poll.slug}/{path}", headers)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200 if allowed else 403, PRIVATE), (person, path, closed)
            assert ("data-votes" in answer.text) is allowed


@pytest.mark.parametrize("results", RESULTS)
async def test_a_draft_is_there_for_owner_and_staff_only_on_every_path(http: httpx.AsyncClient, results: str) -> None:
    owner, other, staff = await make_user_(), await make_user_(), await make_user_(is_staff=True)
    poll = await make_poll_(owner=owner, draft=True, results=results)
    paths = [*(f"/api/v1/polls/{poll.id}/{path}" for path in API_PATHS), *(f"/polls/{poll.slug}/{path}" for path in (*PAGES, "embed"))]
    for path in paths:
        for headers, status in (
            ({}, 404),
            ({"Authorization": await bearer(other)}, 404),
            ({"Authorization": await bearer(owner)}, 200),
            ({"Authorization": await bearer(staff)}, 200),
        ):
            assert (await get(http, path, headers)).status_code == status, (path, headers.keys())


@pytest.mark.parametrize("path", API_PATHS)
async def test_every_path_has_the_same_manners(http: httpx.AsyncClient, path: str) -> None:
    poll = await make_poll_()
    url = f"/api/v1/polls/{poll.id}/{path}"
    whole, head = await http.get(url), await http.head(url)
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(whole.headers))
    assert int(whole.headers["Content-Length"]) == len(whole.content)
    options = await http.options(url)
    assert (options.status_code, options.content, options.headers["Allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused = await http.request(method, url)
        assert (refused.status_code, refused.json()["type"], refused.headers["Allow"]) == (405, "/problems/method-not-allowed", "GET, HEAD, OPTIONS")
    for odd in (f"/api/v1/polls/{poll.id}/{path}/", f"/api/v1/polls/not-an-id/{path}", f"/api/v1/polls/{owner_less()}/{path}"):
        assert (await http.get(odd)).status_code == 404, odd
    assert (await http.get(url, headers={"Authorization": "Bearer nonsense"})).status_code == 401
    assert (await http.get(url, headers={"X-Voter-Token": "nonsense"})).status_code == 401
    assert (await http.get(url, headers={"Origin": "https://foe.example"})).status_code == 403


def owner_less() -> str:
    """The id of no poll."""
    return "00000000-0000-4000-8000-000000000000"


async def test_a_bad_bearer_is_refused_on_pages_too(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    for path in ("", "/results", "/embed", "/embed/results"):
        assert (await get(http, f"/polls/{poll.slug}{path}", {"Authorization": "Bearer nonsense"})).status_code == 401
