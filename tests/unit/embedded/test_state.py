"""STATE_DIR: one stack at a time, an identity that a copy does not share, and no folder of others touched."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded import proctable
from core.embedded.cleaning import remove_state
from core.embedded.errors import CannotStart
from core.embedded.guard import PROJECT
from core.embedded.postgres import stop_leftover
from core.embedded.state import make_folder, open_state


def test_the_identity_stays_and_moves_along_but_is_not_copied(tmp_path: Path) -> None:
    with open_state(tmp_path / "one") as state:
        first = state.stack_id
    with open_state(tmp_path / "one") as state:
        assert state.stack_id == first
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    with open_state(tmp_path / "copy") as state:
        assert state.stack_id != first
    (tmp_path / "one").rename(tmp_path / "moved")
    with open_state(tmp_path / "moved") as state:
        assert state.stack_id == first


def test_a_second_stack_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    with open_state(tmp_path / "state"), pytest.raises(CannotStart, match=f"already runs on .* \\(pid {os.getpid()}\\)"), open_state(tmp_path / "state"):
        pass


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o755)
    make_folder(old, 0o700)
    assert stat.S_IMODE(old.stat().st_mode) == 0o755
    assert stat.S_IMODE(make_folder(tmp_path / "new", 0o700).stat().st_mode) == 0o700


def test_only_a_state_dir_is_removed(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no STATE_DIR"):
        remove_state(tmp_path)
    with open_state(tmp_path / "state"):
        pass
    remove_state(tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_pid_file_that_names_somebody_else_is_forgotten_and_nobody_is_hurt(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=PROJECT)
    try:
        (tmp_path / "postmaster.pid").write_text(f"{stranger.pid}\n{tmp_path}\n", encoding="utf-8")
        stop_leftover(tmp_path)
        assert not (tmp_path / "postmaster.pid").exists()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_process_table_knows_sessions_and_marks() -> None:
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60 & sleep 60"], env={proctable.MARK: "test-mark", "PATH": os.environ["PATH"]}, start_new_session=True)
    try:
        started = proctable.start_time(child.pid)
        assert started
        assert child.pid in proctable.members(child.pid)
        assert child.pid in proctable.marked("test-mark")
        proctable.kill_session(child.pid, started + 1)  # somebody else's number
        assert child.poll() is None
        assert proctable.stop_marked("test-mark", 5.0) >= 1
        child.wait(5)
        assert proctable.start_time(child.pid) is None
    finally:
        if child.poll() is None:
            child.kill()
