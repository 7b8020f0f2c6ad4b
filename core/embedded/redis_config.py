"""The text of Redis's settings for the embedded server."""

from __future__ import annotations

from pathlib import Path


def config_text(*, folder: Path, socket: Path) -> str:
    """Return the settings file: a socket only, snapshots in `folder`."""
    return f"""\
port 0
unixsocket {quoted(str(socket))}
unixsocketperm 700
dir {quoted(str(folder))}
daemonize no
save 60 1
appendonly no
stop-writes-on-bgsave-error no
databases 16
maxmemory-policy noeviction
"""


def quoted(value: str) -> str:
    """Return `value` as a string of redis.conf."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
