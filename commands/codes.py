"""Voter codes: made to be read aloud and typed, known however they are typed. Pure, but for the randomness."""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O and U
LENGTH = 16  # characters of five bits each: 80 random bits
_GROUP = 4
_LONGEST_TYPED = 200  # characters, spaces and dashes among them
_BETWEEN = re.compile(r"[\s\u2010-\u2015\u2212-]+")  # white space, and what text editors make of a dash
_MISREAD = str.maketrans("OIL", "011")
_CODE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")


def new_codes(count: int) -> list[str]:
    """So many fresh codes, such as `7K2M-9QXD-04TZ-HN8C`."""
    return [_new_code() for _ in range(count)]


def normalised(typed: object) -> str | None:
    """The one spelling of a code, whatever its case, spaces and dashes, and with letters that were read for digits; None for what cannot be a code."""
    if not isinstance(typed, str) or len(typed) > _LONGEST_TYPED:
        return None
    code = _BETWEEN.sub("", typed).upper().translate(_MISREAD)
    return code if _CODE.fullmatch(code) else None


def _new_code() -> str:
    number = secrets.randbits(5 * LENGTH)
    characters = "".join(ALPHABET[number >> shift & 31] for shift in range(0, 5 * LENGTH, 5))
    return "-".join(characters[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))
