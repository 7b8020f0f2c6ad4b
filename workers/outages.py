"""Sits out short outages of PostgreSQL inside a task, because a task that raises is rejected at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error as DatabaseFailure
from django.db import connections

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class OutageTooLong(Exception):
    """PostgreSQL did not come back in time."""


def outlast(work: Callable[[], T], *, seconds: float, pause: Callable[[float], None] = time.sleep) -> T:
    """Runs `work`, and again on a fresh connection whenever the database fails it, for about `seconds`.

    `work` must be safe to run again after an outcome that nobody knows. Raises `OutageTooLong` from the last failure.
    """
    deadline = time.monotonic() + seconds
    wait = _FIRST_PAUSE
    while True:
        try:
            return work()
        except DatabaseFailure as error:
            connections["default"].close()
            if time.monotonic() + wait > deadline:
                raise OutageTooLong(str(error).strip()) from error
            if wait == _FIRST_PAUSE:
                logger.warning("PostgreSQL failed a task, which goes on trying for %.0f s: %s", seconds, str(error).strip())
        pause(wait)
        wait = min(_LONGEST_PAUSE, wait * 2)
