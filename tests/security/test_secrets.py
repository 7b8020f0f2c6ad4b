"""Secrets stay where they belong: not in the logs of any process, not in messages about wrong settings, not in files that others may read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from commands.handlers import create_poll
from commands.issuing import issue_codes
from core.accounts.models import User
from core.accounts.reset_mail import reset_url
from core.accounts.tokens import issue_pair
from core.checks import check_settings
from core.embedded.postgres_config import HBA
from core.embedded.postgres_config import config_text as postgres_text
from core.embedded.rabbitmq_config import config_text as rabbitmq_text
from core.embedded.redis_config import config_text as redis_text
from core.settings import databases, environment
from core.settings.environment import persistent_secret
from core.settings.mail import mail_settings
from tests.contract.operations import PASSWORD
from tests.factories import make_user
from tests.stack import running_stack
from tests.vote_rows import select
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
KEY = "an-idempotency-key-that-nobody-knows"


def test_no_process_writes_a_secret_into_its_log(committed_db: None, tmp_path: Path) -> None:
    """A web process, a relay and a worker at their most talkative, given secrets in every way there is."""
    owner = make_user("olga", password=PASSWORD, email="olga@example.org")
    body = {"title": "Tea?", "voters": "code", "questions": [{"text": "Which?", "choices": [{"text": "Tea"}, {"text": "Coffee"}]}]}
    poll = create_poll(owner=owner, body=body)
    codes = issue_codes(poll_id=poll.id, actor=owner, body={"count": 2})
    with running_stack(tmp_path, LOG_LEVEL="DEBUG", ACCESS_LOG="1") as stack:
        wait_until(stack.is_ready, seconds=40)
        client = httpx.Client(base_url=stack.url, timeout=20)
        pair = client.post("/api/v1/auth/token", json={"username": "olga", "password": PASSWORD}).json()
        vote = {"answers": [{"question": str(poll.questions[0].id), "choices": [str(poll.questions[0].choices[0].id)]}], "code": codes[0]}
        cast = client.post(f"/api/v1/polls/{poll.id}/votes", json=vote, headers={"Idempotency-Key": KEY})
        assert cast.status_code == 201
        bearer = {"Authorization": f"Bearer {pair['access']}"}
        ticket = client.post(f"/api/v1/polls/{poll.id}/results/ticket", headers=bearer).json()["ticket"]
        client.get(f"/api/v1/polls/{poll.id}/results/stream?ticket={'x' if ticket[0] != 'x' else 'y'}{ticket[1:]}")
        client.get(f"/api/v1/polls/{poll.id}/results", params={"after": cast.json()["position"]})
        client.get(f"/api/v1/polls/{poll.id}/votes/mine", headers={"X-Voter-Code": codes[1], "Cookie": "sessionid=a-session-nobody-knows"})
        client.get(reset_url(User.objects.get()).removeprefix(django_settings.PUBLIC_URL))
        client.post("/api/v1/auth/token", json={"username": "olga", "password": "a-wrong-password"})
        client.post("/api/v1/auth/token/refresh", json={"refresh": pair["refresh"]})
        client.get("/api/v1/auth/me", headers={"Authorization": f"Basic {pair['access']}"})
        client.post("/api/v1/auth/token", content=orjson.dumps({"password": PASSWORD})[:-2], headers={"Content-Type": "application/json"})
        wait_until(lambda: client.get(f"/api/v1/polls/{poll.id}/results").json()["ballots"] == 1)
        client.close()
    logs = "".join(stack.log(name) for name in ("web", "relay", "worker"))
    assert "/votes" in logs, "the access log is on"
    secrets = {
        "password": PASSWORD,
        "wrong password": "a-wrong-password",
        "access": pair["access"],
        "refresh": pair["refresh"],
        "ticket": ticket[1:],
        "code": codes[0],
        "unused code": codes[1],
        "code as kept": codes[0].replace("-", ""),
        "session": "a-session-nobody-knows",
        "key": KEY,
        "voter": cast.headers.get("X-Voter-Token", KEY),
        "position": cast.json()["position"],
        "secret key": django_settings.SECRET_KEY,
        "voter key secret": django_settings.VOTER_KEY_SECRET,
        "reset": reset_url(User.objects.get()).rsplit("/", 1)[1],
        "address": "olga@example.org",
    }
    assert [name for name, secret in secrets.items() if secret in logs] == []
    # Mails kept in files hold links that reset passwords, and STATE_DIR may be passed through by others when root runs the stack.
    assert mode(tmp_path / "mail") == 0o700


@pytest.mark.parametrize(
    "url",
    ["postgresql://nexus:hunter2@[::1", "nexus:hunter2@db/x", "postgresql://nexus:hun/hunter2@db/x", "postgresql://nexus:5432/hunter2@db/x", "host=db hunter2"],
)
def test_an_address_of_a_database_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        databases._parsed(url)
    assert "DATABASE_URL" in str(refused.value)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("url", ["smtp://user:1#hunter2@mail", "smtp://user:x/hunter2@mail:587", "smtp://user:x@hunter2:y", "hunter2", "smtp://[hunter2"])
def test_neither_is_that_of_a_mail_server(url: str) -> None:
    with pytest.raises(ValueError, match="EMAIL_URL must be like") as refused:
        mail_settings(url)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value)).replace(f"{url!r}", "")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("REDIS_URL", "redis://:hun/hunter2@r:6379/0"),
        ("REDIS_URL", "redis://:6379hunter2/0"),
        ("BROKER_URL", "amqp://guest:#hunter2@mq//"),
        ("BROKER_URL", "amqp://guest:x/hunter2@mq//"),
        ("BROKER_URL", "hunter2"),
    ],
)
def test_neither_is_that_of_redis_or_the_broker(settings: Any, name: str, url: str) -> None:
    setattr(settings, name, url)
    found = [message for message in check_settings() if name in message.msg]
    assert [message.id for message in found] in (["nexus.E008"], ["nexus.E011"])
    assert "hunter2" not in str(found)


COMMANDS = [
    ["manage.py", "migrate"],
    pytest.param(["manage.py", "run_relay"], marks=pytest.mark.slow),
    pytest.param(["-m", "celery", "-A", "core", "worker", "--pool", "solo"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_server_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path, command: list[str]) -> None:
    unreachable = {
        "DATABASE_URL": "postgresql://nexus:hunter2@127.0.0.1:1/x",
        "REDIS_URL": "redis://:hunter2@127.0.0.1:1/0",
        "BROKER_URL": "amqp://guest:hunter2@127.0.0.1:1//",
        "STATE_DIR": str(tmp_path),
    }
    try:
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=os.environ | unreachable, capture_output=True, text=True, timeout=8, check=False)
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired as still_trying:
        said = str(still_trying.stdout) + str(still_trying.stderr)
    assert "efused" in said
    assert "hunter2" not in said


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_secret_that_is_made_is_long_random_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "STATE_DIR", tmp_path / "state")
    made = persistent_secret("NOT_SET_ANYWHERE", "some_secret")
    assert re.fullmatch(r"[0-9a-f]{64}", made)
    assert persistent_secret("NOT_SET_ANYWHERE", "some_secret") == made
    assert persistent_secret("NOT_SET_ANYWHERE", "another_secret") != made
    assert mode(tmp_path / "state" / "some_secret") == 0o600
    assert mode(tmp_path / "state") == 0o700


def test_embedded_servers_take_nobody_from_elsewhere() -> None:
    redis = redis_text(folder=Path("/x"), socket=Path("/x/redis.sock"))
    assert "\nport 0\n" in f"\n{redis}"
    assert "unixsocketperm 700" in redis
    postgres = postgres_text(socket_folder=Path("/x"), memory=1 << 30, compression="on")
    assert "listen_addresses = ''" in postgres
    assert "unix_socket_permissions = 0700" in postgres
    assert re.findall(r"^(?!#)\S+", HBA, re.MULTILINE) == ["local"]
    rabbitmq = rabbitmq_text(port=20_000, user="nexus", password="p")
    assert re.findall(r"^listeners\..*$", rabbitmq, re.MULTILINE) == ["listeners.tcp.1 = 127.0.0.1:20000"]
    assert "guest" not in rabbitmq


def test_tokens_and_codes_are_kept_as_hashes_or_not_at_all(committed_db: None) -> None:
    owner = make_user(password=PASSWORD)
    pair = issue_pair(owner)
    poll = create_poll(owner=owner, body={"title": "T", "voters": "code", "questions": [{"text": "W", "choices": [{"text": "a"}, {"text": "b"}]}]})
    (code,) = issue_codes(poll_id=poll.id, actor=owner, body={"count": 1})
    dumped = ""
    for (table,) in select("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"):
        dumped += str(select(f'SELECT t::text FROM "{table}" t'))
    assert str(poll.id) in dumped
    for secret in (pair.access, pair.refresh, code, code.replace("-", ""), PASSWORD):
        assert secret not in dumped


def test_a_mail_cannot_get_a_second_recipient() -> None:
    with pytest.raises(ValueError, match=r"newline|Header"):
        EmailMessage(subject="x", body="x", to=["a@example.org\nBcc: b@example.org"]).message()
