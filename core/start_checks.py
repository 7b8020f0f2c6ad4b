"""What must be so before the web process starts; the parts register their checks in `core/wiring.py`."""

from __future__ import annotations

from collections.abc import Callable

StartCheck = Callable[[], None]
_checks: list[StartCheck] = []


class CannotStart(Exception):
    """The server must not start as it is configured; the message is one line for the operator."""


def register_start_check(check: StartCheck) -> None:
    """`check` raises `CannotStart`; what is merely away at the moment is no reason to."""
    if check not in _checks:
        _checks.append(check)


def run_start_checks() -> None:
    """Raises the first `CannotStart`."""
    for check in _checks:
        check()
