"""Writes and reads `services.env`: the addresses of the servers a running stack started.

Standard library only and no other module of the project, so that settings may import it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

FILE_NAME = "services.env"
_OWNER = "SERVICES_OF"  # the folder the file was written for: a copied checkout must not use the original's servers
_LINE = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$")


def parse_services_env(text: str) -> dict[str, str]:
    """Return the `NAME=value` pairs of a shell-quoted text; other lines are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        try:
            words = shlex.split(match[2])
        except ValueError:
            continue
        found[match[1]] = "".join(words)
    return found


def format_services_env(values: Mapping[str, str], *, export: bool = False) -> str:
    """Return `values` as lines a POSIX shell can read, sorted by name."""
    word = "export " if export else ""
    return "".join(f"{word}{name}={shlex.quote(values[name])}\n" for name in sorted(values))


def read_services_env(state_dir: Path) -> dict[str, str]:
    """Return the addresses the stack in `state_dir` wrote, or `{}` when none runs there.

    The file is removed when the stack stops; after a crash it may name servers that are gone.
    """
    try:
        values = parse_services_env((state_dir / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    return values if values.pop(_OWNER, "") == str(state_dir.resolve()) else {}


def write_services_env(state_dir: Path, values: Mapping[str, str]) -> None:
    """Put `values` into `state_dir` in one step, readable by the owner only (0600)."""
    draft = state_dir / f"{FILE_NAME}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(format_services_env({**values, _OWNER: str(state_dir.resolve())}))
    draft.replace(state_dir / FILE_NAME)


def remove_services_env(state_dir: Path) -> None:
    """Forget the addresses; nothing to forget is fine."""
    (state_dir / FILE_NAME).unlink(missing_ok=True)
