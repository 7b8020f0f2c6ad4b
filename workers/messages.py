"""What a message on the queue says: which batch to apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from workers.topology import APPLY_BATCH

FORMAT = 1


class UndecodableMessage(ValueError):
    """The message is not one that this release can read."""


def check_envelope(headers: object, content_type: object, content_encoding: object, body: bytes | str) -> None:
    """Returns for a message as Celery wraps those of ours. Raises `UndecodableMessage` for any other.

    Celery itself trusts whoever may publish: a message that is to be run later or never ends, or whose id is none, would keep its place among the few
    that a worker takes at a time, for good.
    """
    if not isinstance(headers, dict) or content_type != "application/json" or str(content_encoding).lower() != "utf-8":
        raise UndecodableMessage("it is not wrapped as our messages are")
    task, name = headers.get("task"), headers.get("id")
    if not isinstance(task, str) or not task.startswith("workers.") or not isinstance(name, str) or not name:
        raise UndecodableMessage("it names no task of ours")
    for header, usual in _USUAL.items():
        if headers.get(header) not in usual:
            raise UndecodableMessage(f"its header {header} asks for what ours never do")
    _check_expiry(task, headers.get("expires"))
    try:
        positional, named, embedded = orjson.loads(body)
    except (ValueError, TypeError) as error:
        raise UndecodableMessage("its body cannot be read") from error
    if positional != [] or not isinstance(named, dict) or not isinstance(embedded, dict) or any(value is not None for value in embedded.values()):
        raise UndecodableMessage("its body is not one of ours")


_USUAL: dict[str, tuple[object, ...]] = {
    "eta": (None,), "group": (None,), "group_index": (None,), "retries": (None, 0), "timelimit": (None, [None, None], (None, None)), "shadow": (None,),
    "stamps": (None, {}), "stamped_headers": (None, []), "replaced_task_nesting": (None, 0), "reply_to": (None,),
}  # fmt: skip


def _check_expiry(task: str, expires: object) -> None:
    """Celery drops what has expired, and for hours all that comes under the same id: a sweep may, a batch never."""
    if task == APPLY_BATCH and expires is not None:
        raise UndecodableMessage("a batch does not expire")
    try:
        if expires is not None and (not isinstance(expires, str) or datetime.fromisoformat(expires).tzinfo is None):
            raise ValueError(expires)
    except ValueError as error:
        raise UndecodableMessage("the time it expires at is none") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMessage:
    """Names a batch; the votes stay in PostgreSQL. `epoch` is for people who look at the queue: the id alone decides."""

    batch_id: UUID
    epoch: int

    def arguments(self) -> dict[str, object]:
        """The task's keyword arguments."""
        return {"batch_id": str(self.batch_id), "epoch": self.epoch, "format": FORMAT}

    @classmethod
    def decode(cls, arguments: Mapping[str, object]) -> BatchMessage:
        """Raises `UndecodableMessage`, also for a format of a later release."""
        form, batch_id, epoch = arguments.get("format"), arguments.get("batch_id"), arguments.get("epoch")
        if not isinstance(form, int) or not 1 <= form <= FORMAT:
            raise UndecodableMessage(f"format {form!r} is not known here, {FORMAT} is the latest")
        if not isinstance(epoch, int) or not isinstance(batch_id, str):
            raise UndecodableMessage("batch_id and epoch must be given")
        try:
            return cls(batch_id=UUID(batch_id), epoch=epoch)
        except ValueError as error:
            raise UndecodableMessage(f"{batch_id!r} is not the id of a batch") from error
