"""Brings the stack up for as long as it is needed, and takes it away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.stack import FaultyStack
from tests.faults.world import World


@contextmanager
def faulty_world(folder: Path, *, keep: bool = False) -> Iterator[World]:
    """A world on a stack in `folder`, which must be empty. Afterwards only its logs remain; with `keep` also its data."""
    stack = FaultyStack(folder)
    try:
        stack.start()
        stack.wait_until_up()
        yield World(stack)
    finally:
        logs = stack.state_dir / "logs"
        if logs.is_dir():
            shutil.copytree(logs, folder / "logs", dirs_exist_ok=True)
        stack.stop(remove=not keep)
