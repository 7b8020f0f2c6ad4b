"""Finds the character NUL in JSON values: PostgreSQL cannot keep it, so it is refused with a pointer to where it stands."""

from __future__ import annotations

from core.errors import MOST_FAULTS, FieldError, ValidationError


def refuse_nul(value: object) -> None:
    """Raises `ValidationError` with a pointer (RFC 6901) for each text or member name that holds a NUL."""
    faults = [FieldError(pointer, "Text may not contain the character NUL.", "nul") for pointer in _places(value)]
    if faults:
        raise ValidationError(faults[0].detail, errors=tuple(faults))


def _places(value: object) -> list[str]:
    found: list[str] = []
    open_: list[tuple[str, object]] = [("#", value)]
    while open_ and len(found) < MOST_FAULTS:
        pointer, part = open_.pop()
        if isinstance(part, str):
            if "\0" in part:
                found.append(pointer)
        elif isinstance(part, dict):
            if any("\0" in name for name in part):
                found.append(pointer)
            open_.extend((f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", inner) for name, inner in part.items())
        elif isinstance(part, list):
            open_.extend((f"{pointer}/{index}", inner) for index, inner in enumerate(part))
    return sorted(found)
