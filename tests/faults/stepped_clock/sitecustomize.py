"""Python's wall clock, stepped by STEPPED_CLOCK seconds in every process that finds this file first on its PYTHONPATH. For tests only."""

from __future__ import annotations

import datetime as dt
import os
import time

_STEP = float(os.environ["STEPPED_CLOCK"])
_real_datetime, _real_time = dt.datetime, time.time


class _Kind(type):
    """Every datetime is one of ours, and the other way round."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_datetime)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _real_datetime)

    def __call__(cls, *arguments: object, **named: object) -> object:
        return _real_datetime(*arguments, **named)  # type: ignore[arg-type]


class _Stepped(_real_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return _real_datetime.now(tz) + dt.timedelta(seconds=_STEP)

    @classmethod
    def utcnow(cls) -> dt.datetime:  # type: ignore[override]
        return _real_datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=_STEP)


def _stepped_time() -> float:
    return _real_time() + _STEP


dt.datetime = _Stepped  # type: ignore[misc]
time.time = _stepped_time
