"""Which systems and ceilings there are, and where each is made."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeVar

from bench.targets import Ceiling, Skipped, Target

PEERS = ("drf", "fastify", "fastify_pipelined", "redis_list")
CEILINGS = ("asgi_hello", "nginx_static")

T = TypeVar("T", Target, Ceiling)


def make_peer(name: str) -> Target:
    """The peer of that name. Raises `Skipped` where it cannot run."""
    target = _make(f"bench.peers.{name}.target")
    if not isinstance(target, Target):
        raise TypeError(f"{name} is not a Target")
    return _checked(target)


def make_ceiling(name: str) -> Ceiling:
    """The ceiling of that name. Raises `Skipped` where it cannot run."""
    ceiling = _make(f"bench.ceilings.{name}.target")
    if not isinstance(ceiling, Ceiling):
        raise TypeError(f"{name} is not a Ceiling")
    return _checked(ceiling)


def _make(module: str) -> Any:
    return import_module(module).make()


def _checked(subject: T) -> T:
    why = subject.missing()
    if why is not None:
        raise Skipped(why)
    return subject
