"""Messages of any bytes and headers on the batches' queue: each is applied, dropped or set aside, none ends or holds up the worker, and good ones go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from kombu import Connection as BrokerConnection
from kombu import Producer
from pytest_django.fixtures import Settings

from tests.counting import Ballot, ballot, make_ballot, own_names, rabbitmq, votes_of
from tests.fuzz.requests import as_json, json_values
from tests.processes import RELAY, WORKER, running
from tests.vote_rows import connected, write_votes
from tests.waiting import wait_until
from workers.messages import BatchMessage
from workers.topology import APPLY_BATCH, SWEEP, batches_queue, declare

__all__ = ["ballot", "make_ballot", "own_names", "rabbitmq"]
ENVELOPE = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@dataclass
class Letter:
    """A message as the broker keeps it."""

    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"
    content_encoding: str = "utf-8"


def body_of(arguments: Any, *, positional: Any = (), envelope: Any = None) -> bytes:
    return json.dumps([list(positional) if isinstance(positional, tuple) else positional, arguments, envelope or ENVELOPE]).encode()


def headers_of(**changes: Any) -> dict[str, Any]:
    return {"lang": "py", "task": APPLY_BATCH, "id": str(uuid4()), "root_id": None, "parent_id": None, "group": None, **changes}


def unknown_batch() -> dict[str, object]:
    return BatchMessage(batch_id=uuid4(), epoch=1).arguments()


# What is most likely to hold a worker up, and so is always among them.
NASTY = [
    Letter(body_of(unknown_batch()), headers_of(eta="2099-01-01T00:00:00+00:00")),
    Letter(body_of(unknown_batch()), headers_of(eta="2099-01-01T00:00:00+00:00")),
    Letter(body_of(unknown_batch()), headers_of(eta="2099-01-01T00:00:00+00:00")),
    Letter(body_of(unknown_batch()), headers_of(eta="not a time")),
    Letter(body_of(unknown_batch()), headers_of(expires="not a time")),
    Letter(body_of(unknown_batch()), headers_of(expires="2000-01-01T00:00:00+00:00")),
    Letter(body_of(unknown_batch()), headers_of(retries="x", timelimit=[None])),
    Letter(body_of(unknown_batch()), headers_of(timelimit=["x", {}])),
    Letter(body_of(unknown_batch()), headers_of(task="os.system")),
    Letter(body_of(unknown_batch()), headers_of(task=None)),
    Letter(body_of(unknown_batch()), headers_of(task=["x"])),
    Letter(body_of(unknown_batch()), headers_of(id=None)),
    Letter(body_of(unknown_batch()), headers_of(id=7)),
    Letter(body_of(unknown_batch()), {}),
    Letter(body_of(None), headers_of()),
    Letter(body_of([1]), headers_of()),
    Letter(body_of({"batch_id": ["x"]}), headers_of()),
    Letter(body_of(unknown_batch(), positional=("a",)), headers_of()),
    Letter(body_of(unknown_batch(), positional={"a": 1}), headers_of()),
    Letter(body_of(unknown_batch(), envelope={"callbacks": ["x"], "errbacks": 7, "chain": {"a": 1}, "chord": "y"}), headers_of()),
    Letter(b"cos\nsystem\n(S'exit'\ntR.", headers_of(), content_type="application/x-python-serialize", content_encoding="binary"),
    Letter(b"\x80\x04K\x01.", headers_of(), content_type="application/x-python-serialize", content_encoding="binary"),
    Letter(b"a: b", headers_of(), content_type="application/x-yaml"),
    Letter(b"[[]]", headers_of(), content_type="text/html"),
    Letter(b"\xff\xfe", headers_of(), content_encoding="no such thing"),
    Letter(b"[" * 100_000, headers_of()),
    Letter(b'{"task": "workers.apply_batch", "id": "x", "args": [], "kwargs": {}}', {}),
]

values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
    | st.just([])
    | st.just({})
)
letters = st.builds(
    Letter,
    body=st.one_of(
        st.binary(max_size=60),
        json_values.map(as_json),
        st.builds(
            lambda arguments, name, value: body_of({**arguments, name: value}),
            st.builds(unknown_batch),
            st.sampled_from(("batch_id", "epoch", "format", "x", "self")),
            values,
        ),
        st.builds(
            lambda arguments, envelope: body_of(arguments, envelope=envelope),
            st.builds(unknown_batch),
            st.dictionaries(st.sampled_from(tuple(ENVELOPE)), values),
        ),
    ),
    headers=st.builds(
        lambda changes: headers_of(**changes),
        st.dictionaries(
            st.sampled_from(
                (
                    "task",
                    "id",
                    "eta",
                    "expires",
                    "retries",
                    "timelimit",
                    "group",
                    "argsrepr",
                    "origin",
                    "lang",
                    "shadow",
                    "stamps",
                    "stamped_headers",
                    "replaced_task_nesting",
                )
            ),
            values | st.sampled_from((SWEEP, APPLY_BATCH, "celery.backend_cleanup", "celery.chord")),
            max_size=3,
        ),
    ),
    content_type=st.sampled_from(
        ("application/json", "application/json", "application/json", "text/plain", "", "application/x-python-serialize", "application/data")
    ),
    content_encoding=st.sampled_from(("utf-8", "utf-8", "utf-8", "binary", "ascii", "utf-16", "")),
)


def post(settings: Settings, wanted: Sequence[Letter]) -> None:
    with BrokerConnection(settings.BROKER_URL) as broker, broker.channel() as channel:
        declare(broker)
        producer = Producer(channel)
        for letter in wanted:
            producer.publish(
                letter.body,
                exchange=settings.QUEUE_PREFIX,
                routing_key="batches",
                headers=letter.headers,
                content_type=letter.content_type,
                content_encoding=letter.content_encoding,
                serializer=None,
            )


def waiting(settings: Settings) -> int:
    with BrokerConnection(settings.BROKER_URL) as broker, broker.channel() as channel:
        count: int = batches_queue()(channel).queue_declare(passive=True).message_count
        return count


def drawn(number: int) -> list[Letter]:
    """So many letters, the same every time."""
    found: list[Letter] = []

    @given(st.lists(letters, min_size=10, max_size=10))
    @hypothesis_settings(max_examples=max(1, number // 10), derandomize=True, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    def draw(some: list[Letter]) -> None:
        found.extend(some)

    draw()
    return found[:number]


def outlives(settings: Settings, ballot: Ballot, tmp_path: Path, wanted: Sequence[Letter]) -> None:
    with running(WORKER, tmp_path) as worker:
        post(settings, wanted)
        wait_until(lambda: waiting(settings) == 0, seconds=60)
        with running(RELAY, tmp_path), connected("voter") as voter:
            write_votes(voter, ballot.poll_id, ballot.choices[0], 7)
            wait_until(lambda: votes_of(ballot.poll_id) == [7, 0, 0])
        assert not worker.ended


def test_the_worker_outlives_whatever_is_in_its_queue(settings: Settings, ballot: Ballot, tmp_path: Path, rabbitmq: None) -> None:
    outlives(settings, ballot, tmp_path, [*NASTY, *drawn(60)])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_worker_outlives_thousands_of_them(settings: Settings, ballot: Ballot, tmp_path: Path, rabbitmq: None) -> None:
    outlives(settings, ballot, tmp_path, [*NASTY, *drawn(3000)])
