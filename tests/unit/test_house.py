"""The rules of the house, held by the tests: linters, types, who may import whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LONGEST_FILE = 300  # lines; past that a file has two jobs


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"], ["python", "manage.py", "makemigrations", "--check", "--dry-run"]],
    ids=" ".join,
)
def test_checks_pass(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_says_its_job_first_and_has_one() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert tracked
    for name in tracked:
        text = (ROOT / name).read_text(encoding="utf-8")
        if not text.strip():
            continue
        assert text.removeprefix("#!/usr/bin/env python\n").startswith('"""') or "/migrations/" in name, f"{name} does not say its job"
        assert text.count("\n") <= LONGEST_FILE or "/migrations/" in name, f"{name} has {text.count(chr(10))} lines"
