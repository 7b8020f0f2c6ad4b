"""How long what beat sends lasts, and by whose clock."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from workers.schedule import beat_schedule


@pytest.mark.parametrize(("broker", "option"), [("amqp://guest@127.0.0.1//", "expiration"), ("redis://127.0.0.1/0", "expires")])
def test_rabbitmq_drops_what_nobody_took_by_itself_and_elsewhere_the_worker_does(settings: Settings, broker: str, option: str) -> None:
    settings.BROKER_URL = broker
    for entry in beat_schedule().values():
        assert entry["options"].keys() == {option}
        assert entry["options"][option] > 0
