"""Poll texts made fit for print: one line each, nothing that turns the direction of its surroundings, boxes for what no font can show. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

# Marks that embed, override or isolate a direction: a text must not turn round what stands beside it.
_TURNING = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_JOINING = {"\u200c", "\u200d"}  # Persian and Indic scripts need them
BOX = "\u25a1"


def printable(text: str) -> str:
    """The text on one line, composed, without control and direction characters."""
    composed = unicodedata.normalize("NFC", _TURNING.sub("", text))
    kept = "".join(c if c in _JOINING or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cn", "Cs"} else " " for c in composed)
    return " ".join(kept.split())


def with_boxes(text: str, shown: Container[int]) -> str:
    """The text with a box for each character that is not among the code points that can be `shown`; marks and joiners simply go."""
    return "".join(c if ord(c) in shown else _stand_in(c) for c in text)


def runs_right_to_left(text: str) -> bool:
    """Whether the text's first letter belongs to a script that runs from right to left."""
    for c in text:
        direction = unicodedata.bidirectional(c)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def needs_shaping(text: str) -> bool:
    """Whether letters change their form, place or order by what stands beside them: then a shaping engine must set the text."""
    return any("\u0590" <= c <= "\u109f" or "\u1700" <= c <= "\u1cff" or "\ua800" <= c <= "\uabff" or _has_marks_or_turns(c) for c in text if c > "\u02ff")


def _has_marks_or_turns(c: str) -> bool:
    return c in _JOINING or unicodedata.category(c).startswith("M") or unicodedata.bidirectional(c) in {"R", "AL", "AN"}


def _stand_in(c: str) -> str:
    return "" if c in _JOINING or unicodedata.category(c).startswith("M") else BOX
