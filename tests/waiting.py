"""Awaits a condition, within a bound."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T | None] | None], *, seconds: float = 20) -> T:
    """The first truthy value of `condition()`, asked every few milliseconds; fails when `seconds` pass without one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value  # type: ignore[return-value]
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], T | None], *, seconds: float = 20) -> T:
    """As `until`, outside an event loop."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {inspect.getsource(condition).strip()}")
        time.sleep(0.01)
