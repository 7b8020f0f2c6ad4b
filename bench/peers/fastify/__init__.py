"""Peer (b): Node, fastify and pg; one durable INSERT per vote and nothing else."""
