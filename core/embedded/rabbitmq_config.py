"""The texts and variables that keep an embedded RabbitMQ to itself: own node, ports, folders, cookie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# `-noinput` because ALLOW_INPUT (which makes the start script hand its process over to Erlang) leaves it out;
# schedulers that do not spin, for the sake of the neighbours on a small machine.
_ERL = "-noinput -start_epmd false +sbwt none +sbwtdcpu none +sbwtdio none"
ADVANCED = "[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n"
NO_PLUGINS = "[].\n"


@dataclass(frozen=True)
class Ports:
    """The three loopback ports of a node."""

    amqp: int
    distribution: int
    epmd: int


_RAFT_LOG_BYTES = 8 << 20  # quorum queues keep in memory what is in it; the default is half a gigabyte, towards which the node grows for hours


def config_text(*, port: int, user: str, password: str) -> str:
    """Return rabbitmq.conf. The password counts when the node's database is made, later ones are ignored."""
    return f"""\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 100MB
vm_memory_high_watermark.relative = 0.3
raft.wal_max_size_bytes = {_RAFT_LOG_BYTES}
"""


def node_variables(*, home: Path, node: str, ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the node and its tools: nothing of an installed broker's is used."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("RABBITMQ_", "ERL_", "LD_", "PYTHON"))}
    return kept | {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports.epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP_SECONDS": "0",
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERL,
    }
