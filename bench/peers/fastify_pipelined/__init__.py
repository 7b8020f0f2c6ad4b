"""Peer (b) once more, with pg's pipeline mode instead of a pool."""
