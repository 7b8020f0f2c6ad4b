"""What we give out cannot be counted up: ids, slugs, tokens. Nobody learns from an answer, or from the work behind it, who has an account."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core import mail

from commands.handlers import create_poll
from core.accounts.reset_mail import send_reset_mails
from core.background import background
from tests.asgi_client import Answer, ask
from tests.contract.operations import PASSWORD
from tests.factories import ballot, make_poll, make_user

JSON = {"content-type": "application/json"}
pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture(autouse=True)
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


async def post(path: str, body: dict[str, Any], **headers: str) -> Answer:
    return await ask("POST", f"/api/v1/{path}", headers={**JSON, **headers}, body=orjson.dumps(body))


def is_random(text: str) -> bool:
    """122 random bits, as RFC 9562 calls version 4."""
    return UUID(text).version == 4 and str(UUID(text)) == text


def apart(one: bytes, other: bytes) -> int:
    """In how many bits they differ."""
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


async def test_every_id_of_a_poll_and_of_its_owner_is_random(http: Any) -> None:
    owner = make_user()
    body = {"title": "Tea?", "questions": [{"text": "Which?", "choices": [{"text": "a"}, {"text": "b"}]}] * 3}
    ids: list[str] = [str(owner.pk)]
    slugs = set()
    for _ in range(5):
        poll = create_poll(owner=owner, body=body | {"questions": [question | {"text": str(number)} for number, question in enumerate(body["questions"])]})
        ids += [str(poll.id), *(str(question.id) for question in poll.questions), *(str(c.id) for question in poll.questions for c in question.choices)]
        slugs.add(poll.slug)
    assert all(map(is_random, ids))
    assert len(set(ids)) == len(ids)
    tails = {re.fullmatch(r"tea-([a-z2-9]{10})", slug)[1] for slug in slugs}  # type: ignore[index]  # it does match
    assert len(tails) == 5


async def test_receipts_and_positions_of_one_vote_after_the_other_say_nothing_of_their_order(http: Any) -> None:
    poll = make_poll(voters="open")
    answers = [(await post(f"polls/{poll.pk}/votes", ballot(poll))) for _ in range(12)]
    receipts, positions = [answer.data["id"] for answer in answers], [answer.data["position"] for answer in answers]
    assert all(map(is_random, receipts))
    assert receipts != sorted(receipts)
    raw = [base64.urlsafe_b64decode(position + "=" * (-len(position) % 4)) for position in positions]
    for one, other in pairwise(raw):
        assert len(one) == len(other) == 52
        assert apart(one, other) > 52 * 8 // 4, "a counter that went up by one would differ in a few bits"
        assert apart(one[16:32], other[16:32]) > 16, "also where the poll stands, which is the same"
    tokens = [str(answer.header("x-voter-token")) for answer in answers]
    assert len(set(tokens)) == 12
    for answer in answers:
        for name, value in answer.headers:
            if name not in {b"content-length", b"ratelimit", b"ratelimit-policy"}:
                assert not re.search(rb"(?<![\w-])\d{1,9}(?![\w-])", value) or b"Max-Age" in value, (name, value)


async def test_an_etag_tells_only_what_the_answer_itself_tells(http: Any) -> None:
    answer = await ask("GET", f"/api/v1/polls/{make_poll().pk}/results")
    assert answer.header("etag") == f'"1.{answer.data["version"]}.{answer.data["state"]}"'


class CountingHasher(PBKDF2PasswordHasher):
    """Cheap, and counts how often a password was worked on."""

    algorithm = "counting"
    iterations = 1
    work = 0

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:  # noqa: ARG002  (one is enough)
        type(self).work += 1
        return super().encode(password, salt, 1)


@pytest.fixture
def work(settings: Any) -> Callable[[], int]:
    """How many passwords were hashed since it was asked last."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]

    def since() -> int:
        done, CountingHasher.work = CountingHasher.work, 0
        return done

    return since


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_after_the_same_work(http: Any, work: Callable[[], int]) -> None:
    make_user("known", password=PASSWORD)
    make_user("left", password=PASSWORD, is_active=False)
    nobody = make_user("unusable")
    nobody.set_unusable_password()
    nobody.save()
    work()
    answers = []
    for username, password in (("known", "wrong"), ("unknown", "wrong"), ("left", PASSWORD), ("left", "wrong"), ("unusable", "wrong"), ("un\u0131known", "x")):
        answer = await post("auth/token", {"username": username, "password": password})
        answers.append((answer.status, answer.body, sorted(name for name, _ in answer.headers), work()))
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 401
    assert answers[0][3] == 1, "a password is hashed, whose ever it is"


async def test_asking_for_a_reset_is_answered_alike_before_anything_is_looked_up(http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="known@example.org")
    jobs: list[Any] = []
    monkeypatch.setattr(background(), "run_soon", jobs.append)
    known, unknown = [await post("auth/password/reset", {"email": email}) for email in ("known@example.org", "unknown@example.org")]
    assert (known.status, known.body, known.headers) == (unknown.status, unknown.body, unknown.headers)
    assert known.status == 202
    assert len(jobs) == 2, "what is done differs only behind the answer's back"
    assert not mail.outbox


async def test_registering_with_an_address_that_is_known_is_answered_like_any_other(http: Any) -> None:
    make_user(email="known@example.org")
    known, unknown = [
        await post("auth/register", {"username": name, "email": email, "password": PASSWORD})
        for name, email in (("anna", "known@example.org"), ("bert", "unknown@example.org"))
    ]
    assert known.status == unknown.status == 201
    assert known.data.keys() == unknown.data.keys()


async def test_a_link_that_does_not_work_does_not_say_whether_there_is_such_an_account(http: Any) -> None:
    user = make_user()
    bodies = [{"uid": str(uid), "token": "c1-nonsense", "new_password": "staple in the stable 9"} for uid in (user.pk, "6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10")]
    known, unknown = [await post("auth/password/reset/confirm", body) for body in bodies]
    assert (known.status, known.body) == (unknown.status, unknown.body) == (400, unknown.body)


def test_mails_go_to_the_address_of_the_account_not_to_the_one_that_was_asked_with(committed_db: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    make_user(email="Known@example.org")
    send_reset_mails("known@EXAMPLE.org")
    assert [message.to for message in mail.outbox] == [["Known@example.org"]]
    mail.outbox.clear()


async def test_a_hidden_draft_and_nothing_at_all_are_the_same_to_strangers(http: Any) -> None:
    draft = make_poll(draft=True)
    nothing = "6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10"
    for rest in ("", "/results", "/votes/mine", "/results/timeline", "/results.csv", "/results/stream"):
        one, other = [await ask("GET", f"/api/v1/polls/{poll_id}{rest}") for poll_id in (draft.pk, nothing)]
        assert one.status == other.status == 404, rest
        assert one.body.replace(str(draft.pk).encode(), b"") == other.body.replace(nothing.encode(), b""), rest
