"""Reads the Procfile: which processes there are and their commands."""

from __future__ import annotations

import re

from core.embedded.errors import CannotStart

_ENTRY = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")


def parse_procfile(text: str) -> dict[str, str]:
    """Return the command of every process by its name, in the order of the file.

    Raises CannotStart for a line that is neither an entry, a comment nor empty, and for a name given twice.
    """
    commands: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _ENTRY.match(line)
        if match is None or match[1] in commands:
            raise CannotStart(f"Procfile, line {number}: expected `name: command`, each name once")
        commands[match[1]] = match[2].strip()
    return commands
