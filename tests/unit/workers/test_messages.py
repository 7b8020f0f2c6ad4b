"""What stands in a message."""

from __future__ import annotations

from uuid import UUID

import pytest

from workers.messages import FORMAT, BatchMessage, UndecodableMessage

MESSAGE = BatchMessage(batch_id=UUID(int=7), epoch=3)


def test_a_message_says_what_it_said() -> None:
    assert BatchMessage.decode(MESSAGE.arguments()) == MESSAGE


def test_a_message_carries_no_votes() -> None:
    assert set(MESSAGE.arguments()) == {"batch_id", "epoch", "format"}


@pytest.mark.parametrize(
    "change", [{"format": FORMAT + 1}, {"format": 0}, {"format": None}, {"batch_id": "seven"}, {"batch_id": 7}, {"batch_id": None}, {"epoch": "3"}]
)
def test_what_cannot_be_read_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UndecodableMessage):
        BatchMessage.decode(MESSAGE.arguments() | change)
