"""One stack for all tests of this folder that break something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.embedded.rabbitmq import find_rabbitmq
from tests.faults.engine import faulty_world
from tests.faults.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack of its own, apart from the servers that the other tests share: here servers are killed."""
    if find_rabbitmq() is None:
        pytest.skip("RabbitMQ is not installed")
    with faulty_world(tmp_path_factory.mktemp("faults")) as world:
        yield world
