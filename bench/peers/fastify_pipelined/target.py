"""The Node peer with connections that take the next INSERT before they have answered the last."""

from __future__ import annotations

from bench.peers.fastify.target import Fastify
from bench.targets import Target


class FastifyPipelined(Fastify):
    name = "fastify_pipelined"
    title = "Node: fastify + pg pipelined, one INSERT"


def make() -> Target:
    return FastifyPipelined(processes=1, pipeline=True)
