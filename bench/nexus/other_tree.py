"""What only another tree of the project can make for its own web process: voters' tokens, whose form has changed over time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.targets import Skipped

_MAKE = """
import sys
from commands.tokens import VoterToken
sys.stdout.writelines(VoterToken.fresh().seal() + "\\n" for _ in range(int(sys.argv[1])))
"""


def session_credentials(project: Path, environment: Mapping[str, str], count: int) -> Iterator[bytes]:
    """Header lines as `filling.session_credentials` makes them, by the code in `project`. Raises `Skipped` when that fails."""
    made = subprocess.run([sys.executable, "-c", _MAKE, str(count)], cwd=project, env=environment, capture_output=True, check=False)
    if made.returncode:
        raise Skipped(f"it makes no tokens: {made.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    return (b"X-Voter-Token: %b\r\n" % token for token in made.stdout.split())
