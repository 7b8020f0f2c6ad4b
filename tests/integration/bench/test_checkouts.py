"""Former revisions are there while they are measured, and nothing of them afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.checkouts import Checkouts
from bench.targets import Skipped


def git(project: Path, *arguments: str) -> str:
    named = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *named, *arguments], cwd=project, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone with two commits, in whose file `Procfile` stands the number of the commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for number in (1, 2):
        (folder / "Procfile").write_text(f"{number}\n", encoding="utf-8")
        git(folder, "add", "Procfile")
        git(folder, "commit", "--quiet", "--message", str(number))
    return folder


def worktrees(project: Path) -> int:
    return len(git(project, "worktree", "list").splitlines())


def test_a_revision_is_there_for_as_long_as_it_is_wanted(project: Path, tmp_path: Path) -> None:
    first = git(project, "rev-parse", "--short=10", "HEAD~1")
    with Checkouts(project, tmp_path / "trees") as checkouts:
        tree = checkouts.add(first)
        assert (tree / "Procfile").read_text(encoding="utf-8") == "1\n"
        assert (project / "Procfile").read_text(encoding="utf-8") == "2\n"
        (tree / "left.pyc").touch()  # as a process leaves it
    assert not tree.exists()
    assert worktrees(project) == 1


def test_nothing_is_left_after_a_failure(project: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Checkouts(project, tmp_path / "trees") as checkouts:  # noqa: PT012  (the block is what is tested)
        tree = checkouts.add(git(project, "rev-parse", "HEAD~1"))
        raise KeyboardInterrupt
    assert not tree.exists()
    assert worktrees(project) == 1


def test_a_run_that_was_killed_does_not_keep_the_next_from_its_place(project: Path, tmp_path: Path) -> None:
    first = git(project, "rev-parse", "HEAD~1")
    git(project, "worktree", "add", "--detach", str(tmp_path / "trees" / first), first)
    (tmp_path / "trees").rename(tmp_path / "cleaned away")
    with Checkouts(project, tmp_path / "trees") as checkouts:
        assert (checkouts.add(first) / "Procfile").exists()
    assert worktrees(project) == 1


def test_what_the_clone_does_not_have_is_skipped(project: Path, tmp_path: Path) -> None:
    with Checkouts(project, tmp_path / "trees") as checkouts, pytest.raises(Skipped, match="not in this clone"):
        checkouts.add("0123456789")


def test_a_tree_without_history_has_no_former_revisions(tmp_path: Path) -> None:
    with Checkouts(tmp_path, tmp_path / "trees") as checkouts, pytest.raises(Skipped, match="not in this clone"):
        checkouts.add("0123456789")
