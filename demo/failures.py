"""Why a demo cannot go on."""

from __future__ import annotations


class DemoFailedError(Exception):
    """The demo cannot go on; the message is one line for the person who started it."""
