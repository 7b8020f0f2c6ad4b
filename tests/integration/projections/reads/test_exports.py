"""Results to take away, over HTTP: what is in them and what they are called; reports made once, in a process of their own."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pypdf import PdfReader

from core.asgi import application
from core.errors import Unavailable
from projections.document import ResultsDocument
from projections.exports import reports as module
from projections.exports.reports import Reports, make_in_process, reports
from projections.readers import readers
from tests.factories import make_poll, make_user
from tests.integration.projections.reads.conftest import Web
from tests.unit.projections.documents import make_document


@pytest_asyncio.fixture
async def client(web: Web) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url="http://testserver") as made:
        yield made
    await module.shutdown()


async def test_csv_has_a_row_per_choice(client: httpx.AsyncClient, web: Web) -> None:
    poll = make_poll(questions=[{"choices": 3}, {}], title="Где?")
    web.count(poll, 2)
    answer = await client.get(f"/api/v1/polls/{poll.id}/results.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f"attachment; filename=\"{poll.slug}.csv\"; filename*=UTF-8''%D0%93%D0%B4%D0%B5.csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 5
    assert rows[0] == {"question": "Question 0", "choice": "Choice 0", "votes": "2", "share": "1.0000"}


async def test_json_is_the_results_byte_for_byte(client: httpx.AsyncClient) -> None:
    poll = make_poll()
    results, attached = await client.get(f"/api/v1/polls/{poll.id}/results"), await client.get(f"/api/v1/polls/{poll.id}/results.json")
    assert (attached.content, attached.headers["etag"]) == (results.content, results.headers["etag"])
    assert attached.headers["content-type"] == "application/json"
    assert attached.headers["content-disposition"].startswith("attachment; ")
    assert "content-disposition" not in results.headers


async def test_pdf_is_a_report_made_by_a_process_of_its_own(client: httpx.AsyncClient) -> None:
    poll = make_poll(title="Where shall we eat? 今晚")
    answer = await client.get(f"/api/v1/polls/{poll.id}/results.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert ".pdf" in answer.headers["content-disposition"]
    text = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert "Where shall we eat?" in text
    assert "今晚" in text.replace("\0", "")
    unchanged = await client.get(f"/api/v1/polls/{poll.id}/results.pdf", headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = await client.head(f"/api/v1/polls/{poll.id}/results.pdf")
    assert (head.content, dict(head.headers)) == (b"", dict(answer.headers))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0)


class Press:
    """Makes reports when told to, and says of which versions it was asked for one."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []
        self.go = asyncio.Event()
        self.at_once = self.most_at_once = 0

    async def make(self, document: ResultsDocument, state: str) -> bytes:
        self.asked.append((document.version, state))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        return b"%d" % document.version


@pytest_asyncio.fixture
async def press(client: httpx.AsyncClient) -> Any:
    press = Press()
    reports()._make = press.make
    yield press
    press.go.set()


async def test_a_version_that_many_ask_for_is_made_once(client: httpx.AsyncClient, press: Press) -> None:
    poll = make_poll()
    asking = [asyncio.create_task(client.get(f"/api/v1/polls/{poll.id}/results.pdf")) for _ in range(10)]
    await until(lambda: press.asked)
    press.go.set()
    assert {(await answer).content for answer in asking} == {b"1"}
    assert (await client.get(f"/api/v1/polls/{poll.id}/results.pdf")).content == b"1"
    assert press.asked == [(1, "open")]


async def test_who_asks_for_newer_versions_meanwhile_shares_the_next_one(client: httpx.AsyncClient, press: Press, web: Web) -> None:
    poll = make_poll()
    first = asyncio.create_task(client.get(f"/api/v1/polls/{poll.id}/results.pdf"))
    await until(lambda: press.asked)
    later = []
    for _ in range(3):
        web.count(poll)
        await readers().loader._confirm(str(poll.id))
        later.append(asyncio.create_task(client.get(f"/api/v1/polls/{poll.id}/results.pdf")))
    await until(lambda: reports()._waiting)
    press.go.set()
    assert (await first).content == b"1"
    assert {(await answer).content for answer in later} == {b"4"}
    assert [version for version, _ in press.asked] == [1, 4]


async def test_one_report_is_made_at_a_time_and_too_many_are_refused(client: httpx.AsyncClient, press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 2)
    owner = make_user()
    polls = [make_poll(owner=owner) for _ in range(4)]
    asking = []
    for number, poll in enumerate(polls[:3]):
        asking.append(asyncio.create_task(client.get(f"/api/v1/polls/{poll.id}/results.pdf")))
        await until(lambda number=number: len(press.asked) + len(reports()._waiting) > number)  # type: ignore[misc]
    refused = await client.get(f"/api/v1/polls/{polls[3].id}/results.pdf")
    assert (refused.status_code, refused.json()["type"], refused.headers["retry-after"]) == (503, "/problems/unavailable", "5")
    press.go.set()
    assert {(await answer).status_code for answer in asking} == {200}
    assert press.most_at_once == 1


async def test_a_report_that_fails_is_a_problem_and_the_next_reader_tries_anew(client: httpx.AsyncClient) -> None:
    poll, tries = make_poll(), 0

    async def make(document: ResultsDocument, state: str) -> bytes:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unavailable
        return b"made"

    reports()._make = make
    assert (await client.get(f"/api/v1/polls/{poll.id}/results.pdf")).status_code == 503
    assert (await client.get(f"/api/v1/polls/{poll.id}/results.pdf")).content == b"made"


async def test_a_process_that_takes_too_long_is_ended(settings: Any) -> None:
    settings.REPORT_SECONDS = 0.0
    with pytest.raises(Unavailable):
        await make_in_process(make_document(), "open")


async def test_stopping_ends_what_is_being_made() -> None:
    begun = asyncio.Event()

    async def current(key: str, order: tuple[int, int]) -> Any:
        begun.set()
        await asyncio.Event().wait()

    made = Reports(make_in_process, current)
    waiting = asyncio.create_task(made._next(make_document()))
    made._tasks.add(waiting)
    await begun.wait()
    await made.stop()
    assert waiting.cancelled()
