"""What can keep the stack from starting."""

from __future__ import annotations


class CannotStart(Exception):
    """The stack cannot start; the text is the one line that says why and what helps."""
