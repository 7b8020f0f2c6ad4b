"""Voting with a code on the page: typed by hand, never filled in, never in a link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async

from commands.codes import new_codes
from commands.issuing import issue_codes
from commands.models import Poll, Vote
from tests.factories import make_poll
from tests.integration.pages.conftest import Browser, words

Visit = Callable[..., Awaitable[Browser]]


def code_poll(**fields: object) -> tuple[Poll, str]:
    poll = make_poll(voters="code", **fields)
    return poll, issue_codes(poll_id=poll.id, actor=poll.owner, body={"count": 1})[0]


async def test_the_ballot_asks_for_a_code_and_takes_it_however_it_is_typed(visit: Visit) -> None:
    poll, code = await sync_to_async(code_poll)()
    form = await (await visit()).open(poll)
    answer = await form.send(1, code=code.lower().replace("-", " "))
    assert answer.status_code == 303
    assert code not in answer.headers["Location"]
    assert "nexus_voter" not in str(answer.headers)
    again = await form.send(1, code=code)  # a double click, however the code is spelt
    assert (again.status_code, again.headers["Location"]) == (303, answer.headers["Location"])
    assert await sync_to_async(Vote.objects.count)() == 1


async def test_an_unknown_code_is_a_readable_403_that_keeps_the_answers_and_the_key(visit: Visit) -> None:
    poll, code = await sync_to_async(code_poll)()
    form = await (await visit()).open(poll)
    for wrong in ("", "nonsense", new_codes(1)[0]):
        answer = await form.send(1, code=wrong)
        assert answer.status_code == 403
        assert "This code is not known" in words(answer)
        assert form.key in answer.text
        assert answer.text.count(" checked") == 1
        assert not wrong or wrong not in answer.text
    assert (await form.send(1, code=code)).status_code == 303


async def test_a_used_code_is_told_so(visit: Visit) -> None:
    poll, code = await sync_to_async(code_poll)()
    assert (await (await (await visit()).open(poll)).send(0, code=code)).status_code == 303
    answer = await (await (await visit()).open(poll)).send(1, code=code)
    assert answer.status_code == 409
    assert "already voted" in words(answer)


async def test_a_fault_in_the_ballot_does_not_repeat_the_code(visit: Visit) -> None:
    poll, code = await sync_to_async(code_poll)()
    answer = await (await (await visit()).open(poll)).send(code=code)
    assert answer.status_code == 400
    assert "Please pick one" in words(answer)
    assert code not in answer.text


async def test_a_code_in_the_address_is_ignored_and_the_page_says_why(visit: Visit) -> None:
    poll, code = await sync_to_async(code_poll)()
    page = await (await visit()).get(f"/polls/{poll.slug}?code={code}")
    assert "no link ever carries it" in words(page)
    assert f'value="{code}"' not in page.text
    assert 'autocomplete="off"' in page.text


async def test_other_polls_ask_for_none(visit: Visit) -> None:
    page = await (await visit()).get(f"/polls/{make_poll().slug}")
    assert 'name="code"' not in page.text
