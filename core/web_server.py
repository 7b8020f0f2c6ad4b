"""Sets up the HTTP server: the listening socket, and uvicorn in one process or several."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import socket
import threading
from dataclasses import dataclass

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from core import garbage
from core.accepting import accepting
from core.connections import HttpConnection, SocketConnection

_MOST_FILES = 1 << 20  # where there is no limit at all; more would only make tables of descriptors large


class CannotListen(Exception):
    """The address cannot be listened on; the message is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What the operator may choose; times in seconds."""

    application: str
    workers: int
    backlog: int
    keep_alive: int
    shutdown: int
    access_log: bool


class WebConfig(Config):
    """Uvicorn's configuration, which in a worker process also sees to it that the worker ends when its parent has gone, even by SIGKILL."""

    listener: socket.socket | None = None

    def load(self) -> None:
        accepting.use(self.listener)
        parent = multiprocessing.parent_process()
        if parent is not None:
            threading.Thread(target=_end_after, args=(parent,), name="parent-watch", daemon=True).start()
        super().load()
        garbage.begin()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # as the parent would have: what is in flight is finished first


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, which may be a name, IPv4 or IPv6. Raises `CannotListen`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"HOST={host} is not an address of this machine: {error.strerror}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)  # bound is not enough: of two who are bound only one may listen
    except OSError as error:
        listener.close()
        raise CannotListen(f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. Set HOST and PORT to choose another.") from error
    listener.set_inheritable(True)
    return listener


def raise_file_limit() -> int:
    """As many open files as the system grants this process, because every stream holds one; returns how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else most
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


def web_config(options: WebOptions) -> WebConfig:
    return WebConfig(
        options.application,
        workers=options.workers,
        loop="uvloop",
        http=HttpConnection,
        ws=SocketConnection,
        lifespan="on",
        log_config=None,  # Django's logging settings hold for all
        access_log=options.access_log,
        server_header=False,
        proxy_headers=False,  # core/clients.py decides whom to believe
        backlog=options.backlog,
        timeout_keep_alive=options.keep_alive,
        timeout_graceful_shutdown=options.shutdown,
        ws_max_size=1 << 12,  # clients have nothing to say
        ws_per_message_deflate=False,  # it would compress the same text once for every client
        timeout_worker_healthcheck=10,
    )


def serve(listener: socket.socket, options: WebOptions) -> bool:
    """Serves until SIGTERM or SIGINT, then lets requests in flight finish; with several workers, starts a dead one again.

    On SIGHUP several workers are replaced one after the other, each when its successor serves, while the socket stays open; a single one stops.

    Returns whether the application had started; false also when a worker never did.
    """
    config = web_config(options)
    config.listener = listener
    if config.workers == 1:
        server = Server(config)
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # with several it replaces one after the other
        with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn after it has stopped in good order
            server.run(sockets=[listener])
        return server.started
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    return all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)
