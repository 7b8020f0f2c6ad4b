"""The relay's and the workers' tests share the fixtures of everything that counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from core.redis import sync_redis
from tests.counting import ballot, cutter, make_ballot, own_names, rabbitmq
from tests.stack import free_port

__all__ = ["ballot", "cutter", "make_ballot", "own_names", "rabbitmq"]


@pytest.fixture
def without_redis(own_names: str) -> Iterator[None]:
    """Nobody listens where Redis should be."""
    there = settings.REDIS_URL
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    sync_redis.cache_clear()
    yield
    settings.REDIS_URL = there
    sync_redis.cache_clear()
