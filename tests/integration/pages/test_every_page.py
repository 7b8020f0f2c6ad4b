"""What holds for every page: nothing from elsewhere, nothing inline, hostile texts stay texts, errors are readable."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from django.core.management import call_command
from django.db import connection

from commands.models import Poll
from pages.management.commands.create_demo_poll import OWNER
from tests.factories import make_poll
from tests.integration.pages.conftest import Browser, words

Visit = Callable[..., Awaitable[Browser]]
HOSTILE = """</textarea><script>alert(1)</script><img src=x onerror=alert(1)>" onload="alert(1) {{ 7|add:7 }} 'x'"""


async def every_page(browser: Browser, poll: Poll) -> list[httpx.Response]:
    paths = ["/", "/?search=%3Cscript%3E%22", f"/polls/{poll.slug}", f"/polls/{poll.slug}/results", "/polls/no-such-poll", "/nowhere"]
    found = [await browser.get(path) for path in paths]
    form = await browser.open(poll)
    return [*found, await form.send(), await browser.client.post(f"/polls/{poll.slug}")]


async def test_no_page_loads_or_links_anything_from_elsewhere_or_has_script_or_style_in_its_markup(visit: Visit) -> None:
    poll = make_poll(title=HOSTILE, description=f"{HOSTILE}\n\nhttps://evil.example")
    poll.questions.all().update(text=HOSTILE[:200])
    for answer in await every_page(await visit(), poll):
        assert answer.headers["Content-Type"].startswith("text/html")
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text):
            assert re.match(r"/(?!/)|\?|#", address), address
        tags = re.findall(r"<[a-zA-Z][^>]*>", answer.text)
        assert not [tag for tag in tags if re.search(r"\s(?:on\w+|style)=", tag)]
        assert not [tag for tag in tags if tag.startswith("<style") or (tag.startswith("<script") and "src=" not in tag)]
        assert "<script>" not in answer.text
        assert "<img src=x" not in answer.text
        assert "alert(1) 14" not in answer.text


async def test_our_pages_forbid_what_they_do_not_use(visit: Visit) -> None:
    browser, poll = await visit(), make_poll()
    for path in ("/", f"/polls/{poll.slug}", f"/polls/{poll.slug}/results"):
        policy = (await browser.get(path)).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_errors_are_pages_for_people(visit: Visit) -> None:
    browser = await visit()
    for path in ("/nowhere", "/polls/no-such-poll", "/polls/no-such-poll/results"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "Nothing here" in words(answer)


async def test_only_the_ballot_takes_posts(visit: Visit) -> None:
    browser, poll = await visit(), make_poll()
    form = await browser.open(poll)
    answer = await browser.client.post(f"/polls/{poll.slug}/results", data={"csrfmiddlewaretoken": form.token}, headers={"Origin": "http://testserver"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert words(answer), "a page for a person, too"


@pytest.mark.usefixtures("committed_db")
def test_the_demo_poll_is_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_demo_poll")
    call_command("create_demo_poll")
    first, second = capsys.readouterr().out.splitlines()
    poll = Poll.objects.get(owner__username=OWNER)
    assert first == second
    assert first.endswith(f"/polls/{poll.slug}")
    assert not poll.owner.has_usable_password()
    with connection.cursor() as cursor:
        cursor.execute("SELECT listed, draft FROM poll_cards WHERE poll_id = %s", [poll.pk])
        assert cursor.fetchone() == (True, False)
