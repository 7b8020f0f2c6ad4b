"""What a message on the queue says: which batch to apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

FORMAT = 1


class UndecodableMessage(ValueError):
    """The message is not one that this release can read."""


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
