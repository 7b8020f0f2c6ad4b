"""A setting that cannot be read ends every kind of process with one line that names it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT


@pytest.mark.parametrize("command", [("manage.py", "run_web"), ("-m", "celery", "-A", "core", "worker")])
def test_it_is_one_line_and_exit_code_2(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | {"WEB_WORKERS": "two"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert (done.stdout + done.stderr).strip() == 'nexus: Environment variable "WEB_WORKERS" invalid: Not a valid integer.'
