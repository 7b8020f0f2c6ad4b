"""The text of PostgreSQL's settings for the embedded cluster."""

from __future__ import annotations

from pathlib import Path

CONFIG_NAME = "nexus.conf"
INCLUDE_LINE = f"include '{CONFIG_NAME}'"
HBA = """\
# Only the socket in a private folder (0700) leads here, so who gets there may come in.
local all all trust
"""

_MIB = 1024 * 1024


def shared_buffers(memory: int) -> int:
    """Return MiB of shared buffers for a machine with `memory` bytes: an eighth, between 64 and 2048. They are taken when data first fills them."""
    return max(64, min(2048, memory // 8 // _MIB))


def config_text(*, socket_folder: Path, memory: int, compression: str) -> str:
    """Return the settings file. `memory`: bytes of the machine; `compression`: of whole pages in the log."""
    return f"""\
# Written anew at every start; put your own settings into postgresql.conf below the include.
listen_addresses = ''
port = 5432
unix_socket_directories = {quoted(str(socket_folder))}
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = {shared_buffers(memory)}MB
max_prepared_transactions = 0
fsync = on
full_page_writes = on
synchronous_commit = on
wal_compression = {compression}
max_wal_size = 1GB
checkpoint_timeout = 10min
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %a '
cluster_name = 'nexus'
"""


def quoted(value: str) -> str:
    """Return `value` as a string of postgresql.conf."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
