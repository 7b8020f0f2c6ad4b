"""Other revisions of this project as trees of files: git's detached worktrees, there for as long as a block lasts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from bench.targets import Skipped


class Checkouts:
    """Worktrees of the clone that `project` is part of, each in a folder of its own below `folder`. On leaving none is left, in git's books neither."""

    def __init__(self, project: Path, folder: Path) -> None:
        self._project, self._folder, self._trees = project, folder, list[Path]()

    def __enter__(self) -> Checkouts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        while self._trees:
            self._git("worktree", "remove", "--force", str(self._trees.pop()))

    def add(self, revision: str) -> Path:
        """Checks a revision out; returns its folder. Raises `Skipped` when it cannot be had: a shallow clone, a tree without history, no git."""
        self._must("not in this clone", "rev-parse", "--verify", f"{revision}^{{commit}}")
        tree = self._folder / revision
        self._trees.append(tree)  # before it is there, so that what is interrupted half-way goes too
        # forced: a run that was killed may have left the place in git's books, where git finds it only if the folder around it is there
        self._folder.mkdir(parents=True, exist_ok=True)
        self._must("cannot be checked out", "worktree", "add", "--force", "--detach", str(tree), revision)
        return tree

    def _must(self, otherwise: str, *arguments: str) -> None:
        done = self._git(*arguments)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise Skipped(f"{otherwise} (git: {said[-1].removeprefix('fatal: ') if said else 'nothing said'})")

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Git on the project's clone, whatever the environment says of another, and without the hooks of whoever works in it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"LC_ALL": "C"}
        command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
        try:
            return subprocess.run(command, cwd=self._project, env=environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise Skipped(f"cannot run git: {error.strerror}") from error
