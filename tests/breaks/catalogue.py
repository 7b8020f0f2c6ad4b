"""All deliberate breaks, in the order of the documents' table."""

from __future__ import annotations

from tests.breaks import counting, reading, voting

BREAKS = (*voting.BREAKS, *counting.BREAKS, *reading.BREAKS)
