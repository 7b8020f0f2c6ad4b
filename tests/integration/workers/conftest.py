"""The relay's and the workers' tests share the fixtures of everything that counts."""

from __future__ import annotations

from tests.counting import ballot, cutter, make_ballot, own_names, rabbitmq

__all__ = ["ballot", "cutter", "make_ballot", "own_names", "rabbitmq"]
