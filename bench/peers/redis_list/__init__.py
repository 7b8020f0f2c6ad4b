"""Peer (c): the shape of the well-known example voting app: Flask, a Redis list, a worker, PostgreSQL."""
