"""A message is taken only if it is wrapped as Celery wraps ours: what else Celery would do for a stranger never begins."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
import pytest
from celery import Celery

from workers.messages import BatchMessage, UndecodableMessage, check_envelope
from workers.topology import APPLY_BATCH, SWEEP


def wrapped(task: str = APPLY_BATCH, **options: Any) -> tuple[dict[str, Any], Any]:
    """Headers and body as Celery makes them."""
    arguments = BatchMessage(batch_id=uuid4(), epoch=1).arguments() if task == APPLY_BATCH else {}
    message = Celery(set_as_current=False).amqp.as_task_v2(str(uuid4()), task, kwargs=arguments, **options)
    return message.headers, message.body


def check(headers: object, body: Any, *, content_type: object = "application/json", content_encoding: object = "utf-8") -> None:
    check_envelope(headers, content_type, content_encoding, body if isinstance(body, bytes | str) else orjson.dumps(body))


def test_ours_are_taken() -> None:
    check(*wrapped())
    check(*wrapped(SWEEP, expires=10))
    check(*wrapped(ignore_result=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"eta": "2099-01-01T00:00:00+00:00"},
        {"task": "os.system"},
        {"task": None},
        {"task": ["x"]},
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"expires": "soon"},
        {"expires": 7},
        {"expires": "2099-01-01T00:00:00"},
        {"expires": "2099-01-01T00:00:00+00:00"},
        {"expires": "2000-01-01T00:00:00+00:00"},
        {"timelimit": [0.01, 0.01]},
        {"timelimit": "x"},
        {"retries": 3},
        {"group": "g"},
        {"stamps": {"a": "b"}},
        {"reply_to": "x"},
    ],
    ids=str,
)
def test_what_ours_never_ask_for_is_refused(changes: dict[str, Any]) -> None:
    headers, body = wrapped()
    with pytest.raises(UndecodableMessage):
        check(headers | changes, body)


def test_other_forms_are_refused() -> None:
    headers, body = wrapped()
    for odd in ([["a"], {}, {}], [[], [], {}], [[], {}, {"callbacks": [1]}], [[], {}], {}, b"", b"\xff", "["):
        with pytest.raises(UndecodableMessage):
            check(headers, odd)
    for kind in ({"content_type": "application/x-python-serialize"}, {"content_encoding": "binary"}, {"content_type": None}):
        with pytest.raises(UndecodableMessage):
            check(headers, body, **kind)
    for none in (None, [], {}):
        with pytest.raises(UndecodableMessage):
            check(none, body)
