"""Removes a whole STATE_DIR that nobody wants any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.embedded import proctable
from core.embedded.errors import CannotStart
from core.embedded.state import ELSEWHERE, open_state, remove_socket_folder

_PATIENCE = 5.0  # seconds


def remove_state(path: Path) -> None:
    """Remove STATE_DIR and what it keeps elsewhere. Raises CannotStart while a stack runs on it, or if it is not a STATE_DIR."""
    if not path.exists():
        return
    if not (path / "stack-id").exists():
        raise CannotStart(f"{path} is no STATE_DIR of a stack (no stack-id in it), so it is not removed")
    with open_state(path) as state:
        proctable.stop_marked(state.stack_id, _PATIENCE)
        for folder in state.temporary_socket_folders():
            remove_socket_folder(folder)
        shutil.rmtree(ELSEWHERE / state.stack_id, ignore_errors=True)
        shutil.rmtree(state.path)
