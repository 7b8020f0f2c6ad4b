"""Runs the supervisor on a project folder given as argument, as `make run` does on ours.

Variables for tests: FAKE_WHEELS=1 hides installed servers, FAKE_FREE=<bytes> asks for that much free disk.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.embedded import postgres_binaries, state
from core.embedded.console import Console
from core.embedded.environment import child_environment, read_environment
from core.embedded.errors import CannotStart
from core.embedded.session import run_foreground

if os.environ.get("FAKE_WHEELS"):
    postgres_binaries._DEBIAN = Path("/nonexistent")
if os.environ.get("FAKE_FREE"):
    state.MINIMUM_FREE = int(os.environ["FAKE_FREE"])

project = Path(sys.argv[1])
environ = child_environment(read_environment(project, os.environ, dotenv=True), Path(sys.executable))
try:
    code = run_foreground(Path(environ["STATE_DIR"]), Console(), project, environ)
except CannotStart as error:
    sys.stderr.write(f"nexus: {error}\n")
    code = 1
sys.exit(code)
