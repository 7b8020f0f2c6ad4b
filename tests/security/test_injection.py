"""Texts of voters and organisers stay texts: in pages, frames, the admin, mails, reports, tables, JSON and the log."""

from __future__ import annotations

import csv
import io
import logging
import re
from typing import Any

import orjson
import pytest
from django.conf import settings as django_settings
from django.template.loader import render_to_string
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from core.log_lines import PlainLines, without_secrets
from pages.admin.results_csv import polls_csv
from tests.asgi_client import ask
from tests.factories import make_poll, make_user

HOSTILE = (
    """</script></title><script>alert(1)</script><img src=x onerror=alert(1)>" onload="alert(1)" {{ 77700000|add:77 }} {% now %} 'x' javascript:alert(1)"""
)
ENDS = "a\nb\r\nc\u2028d\u2029e\x1b[31mf\x00g\x9bh\u202ei"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =cmd|' /C calc'!A0", "\uff1d1", "\u00a0=1")
LINE = PlainLines("%(levelname)s %(name)s: %(message)s")


@pytest.fixture(autouse=True)
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


def hostile_poll(owner: Any, **fields: Any) -> Any:
    poll = make_poll(owner=owner, title=HOSTILE, description=HOSTILE, **fields)
    poll.questions.all().update(text=HOSTILE)
    for question in poll.questions.all():
        question.choices.all().update(text=HOSTILE)
    from commands.facts import facts_of  # noqa: PLC0415  (of the texts as they are now)
    from core.events import PollSaved  # noqa: PLC0415
    from core.ports import ports  # noqa: PLC0415

    ports.publish(PollSaved(poll=facts_of(poll)))
    return poll


def assert_harmless(markup: str, about: str) -> None:
    assert "alert(1)" in markup, f"{about} does not show the text at all"
    for needle in ("<script>alert", "<img src=x", '" onload="alert', "{{ 7", "77700077"):
        assert needle not in markup.replace("{{ 77700000|add:77 }}", ""), (about, needle)
    assert not re.search(r"<[^>]*\s(?:href|src)=\"javascript:", markup), about


async def test_in_every_page_that_shows_a_poll(http: Any) -> None:
    boss = make_user("boss", is_staff=True, is_superuser=True)
    poll = hostile_poll(boss)
    client = Client()
    client.force_login(boss)
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    pages = [f"/polls/{poll.slug}{rest}" for rest in ("", "/results", "/embed", "/embed/results")]
    for path in ("/", *pages, "/admin/commands/poll/", f"/admin/commands/poll/{poll.pk}/change/"):
        answer = await ask("GET", path, headers={"cookie": cookie})
        assert answer.status == 200, path
        assert_harmless(answer.body.decode(), path)


async def test_in_json_that_a_browser_might_take_for_markup(http: Any) -> None:
    poll = hostile_poll(make_user())
    for path in (
        f"/api/v1/polls/{poll.pk}",
        f"/api/v1/polls/{poll.pk}/results",
        f"/api/v1/polls/{poll.pk}/results/stream",
        f"/api/v1/polls/{poll.pk}/results.json",
    ):
        answer = await ask("GET", path)
        assert b"alert(1)" in answer.body
        assert (answer.header("content-type") or "").split(";")[0] in {"application/json", "text/event-stream"}
        assert answer.header("x-content-type-options") == "nosniff"
        assert "default-src 'none'" in str(answer.header("content-security-policy"))


async def test_in_problems_that_repeat_what_was_sent(http: Any) -> None:
    for path in ("/api/v1/<script>alert(1)</script>", "/api/v1/polls?cursor=<script>alert(1)</script>", "/%3Cscript%3Ealert(1)%3C/script%3E"):
        answer = await ask("GET", path)
        assert b"<script>alert" not in answer.body, path


async def test_in_a_table_that_a_spreadsheet_opens(http: Any) -> None:
    boss = make_user(is_staff=True)
    polls = [make_poll(owner=boss, title=text.strip("\r\n") or text) for text in FORMULAS]
    for poll, text in zip(polls, FORMULAS, strict=True):
        poll.questions.all().update(text=text)
    tables = [polls_csv([poll.pk for poll in polls]).decode()]
    tables += [(await ask("GET", f"/api/v1/polls/{poll.pk}/results.csv")).body.decode() for poll in polls]
    cells = [cell for table in tables for row in csv.reader(io.StringIO(table, newline="")) for cell in row]
    assert len(cells) > 100
    assert not [cell for cell in cells if re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]", cell)]


async def test_in_a_report_nothing_runs_or_leads_anywhere(http: Any) -> None:
    poll = hostile_poll(make_user())
    answer = await ask("GET", f"/api/v1/polls/{poll.pk}/results.pdf")
    assert answer.status == 200
    for active in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/AA", b"/EmbeddedFile", b"/OpenAction <<"):
        assert active not in answer.body, active
    report = PdfReader(io.BytesIO(answer.body))
    assert not [page for page in report.pages if "/Annots" in page]
    assert "alert(1)" in "".join(page.extract_text() for page in report.pages)


def test_in_a_mail() -> None:
    text = render_to_string("core/password_reset.txt", {"user": make_unsaved("<b>x</b>"), "url": "https://polls.example/x", "site": "https://polls.example"})
    assert "<b>x</b>" in text, "a plain text needs no escapes"
    assert text.count("http") == 2


def make_unsaved(name: str) -> Any:
    from core.accounts.models import User  # noqa: PLC0415

    return User(username=name)


async def test_a_username_cannot_hold_what_could_be_taken_for_something_else(http: Any, unlimited: None) -> None:
    for name in ("two\nlines", "bell\x07", "esc\x1b[31m", "nul\0", "a b", "a\u2028b", "<script>", "a\u202eb"):
        body = orjson.dumps({"username": name, "email": "a@example.org", "password": "correct horse battery"})
        answer = await ask("POST", "/api/v1/auth/register", headers={"content-type": "application/json"}, body=body)
        assert answer.status == 400, name


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("nexus", logging.INFO, "file", 1, message, arguments, **{"exc_info": None} | more)


def test_a_text_in_the_log_stays_on_its_line_and_steers_no_terminal() -> None:
    line = LINE.format(record("poll %s", ENDS))
    assert line == r"INFO nexus: poll a\nb\r\nc\u2028d\u2029e\x1b[31mf\x00g\x9bh\u202ei"


def test_a_traceback_in_the_log_cannot_be_taken_for_a_record() -> None:
    try:
        raise ValueError(f"x\n2026-01-01 00:00:00,000 INFO forged: all is well{ENDS}")
    except ValueError as error:
        first, *more = LINE.format(record("failed", exc_info=(ValueError, error, error.__traceback__))).split("\n")
    assert first == "INFO nexus: failed"
    assert more
    assert all(line.startswith("    ") for line in more)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", "".join(more))


@given(st.text())
def test_whatever_is_logged_is_one_line(text: str) -> None:
    assert len(LINE.format(record("%s", text)).splitlines()) == 1


def test_the_log_is_written_so() -> None:
    assert django_settings.LOGGING["formatters"]["line"]["()"] == "core.log_lines.PlainLines"
    assert {handler["formatter"] for handler in django_settings.LOGGING["handlers"].values()} == {"line"}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("cannot reach postgresql://nexus:hunter2@db:5432/x", "hunter2"),
        ("amqp://guest:hun/ter2@mq//: refused", "ter2"),
        ("redis://:hunter2@r/0", "hunter2"),
        ("{'Authorization': 'Bearer abc.def-x'}", "abc.def"),
        ("token eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl seen", "c2lnbmF0dXJl"),
        ('GET /x?a=1&ticket=s3cret&b=2 "', "s3cret"),
        ("GET /account/reset/6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10/c1-s3cret", "s3cret"),
        ("headers: cookie: s3cret; x", "s3cret"),
        ("X-Voter-Code: ABCD-EFGH", "ABCD"),
        ("{'password': 's3 cret'}", "s3 cret"),
    ],
)
def test_what_looks_like_a_secret_is_left_out_of_the_log(text: str, secret: str) -> None:
    assert secret not in without_secrets(text)
    assert "***" in without_secrets(text)
    assert secret not in LINE.format(record("%s", text))


def test_what_is_no_secret_stays() -> None:
    for text in ("PUBLIC_URL is https://polls.example:8443/x", "the password of 3 accounts", "postgresql://nexus@db/x", "no code came", "/polls/a-b/results"):
        assert without_secrets(text) == text
