"""Reads typed fields out of a JSON object and notes every fault with its pointer. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.errors import FieldError

_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?")
_EARLIEST_YEAR = 1970
_MISSING = object()


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads one object. Whatever is wrong goes to `faults`, and the default comes back in its place.

    A default of None makes a field required, but for `moment`, where None is a value.
    """

    body: Mapping[str, Any]
    faults: list[FieldError]
    at: str = "#"

    def fault(self, name: str, detail: str, code: str) -> None:
        self.faults.append(FieldError(f"{self.at}/{name}", detail, code))

    def line(self, name: str, default: str | None, *, longest: int) -> str:
        """Text with something to see in it, without the white space around it; `longest` in characters."""
        text = self.text(name, default, longest=longest, strip=True)
        if isinstance(self.body.get(name), str) and not is_visible(text):
            self.fault(name, "This may not be empty.", "empty")
        return text

    def text(self, name: str, default: str | None, *, longest: int, strip: bool = False) -> str:
        """Text, maybe empty; `longest` in characters."""
        value = self._value(name, default)
        if not isinstance(value, str):
            if value is not _MISSING:
                self.fault(name, "This must be text.", "not-text")
            return default or ""
        text = value.strip() if strip else value
        if "\0" in text:
            self.fault(name, "Text may not contain the character NUL.", "nul")
        elif len(text) > longest:
            self.fault(name, f"This may have {longest} characters at most.", "too-long")
        return text

    def flag(self, name: str, default: bool) -> bool:  # noqa: FBT001  (a default stands second in every method here)
        value = self._value(name, default)
        if isinstance(value, bool):
            return value
        self.fault(name, "This must be true or false.", "not-a-boolean")
        return default

    def one_of(self, name: str, default: str, *, known: Collection[str]) -> str:
        value = self._value(name, default)
        if isinstance(value, str) and value in known:
            return value
        self.fault(name, f"This must be one of: {', '.join(known)}.", "unknown-value")
        return default

    def number(self, name: str, default: int | None, *, least: int, most: int | None = None) -> int:
        value = self._value(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            if value is not _MISSING:
                self.fault(name, "This must be a whole number.", "not-an-integer")
            return default or least
        if value < least:
            self.fault(name, f"This must be {least} or more.", "too-small")
        if most is not None and value > most:
            self.fault(name, f"This must be {most} or less.", "too-large")
        return value

    def moment(self, name: str, default: datetime | None) -> datetime | None:
        """A time as RFC 3339 with its offset, in UTC; null is None."""
        if name not in self.body:
            return default
        value = self.body[name]
        if value is None:
            return None
        parsed = _RFC3339.fullmatch(value) if isinstance(value, str) else None
        if parsed is None:
            self.fault(name, "This must be a time such as 2030-01-31T18:00:00Z.", "not-a-time")
        elif parsed[2] is None:
            self.fault(name, "This time must say its offset from UTC, such as Z or +02:00.", "time-without-offset")
        else:
            try:
                moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
            except (ValueError, OverflowError):
                self.fault(name, "There is no such time.", "not-a-time")
                return default
            if moment.year >= _EARLIEST_YEAR:
                return moment
            self.fault(name, f"This must be a time from {_EARLIEST_YEAR} on.", "out-of-range")
        return default

    def objects(self, name: str, *, least: int, most: int) -> list[FieldReader]:
        """A reader for each object of a list of `least` to `most`; nothing is looked at in a list that is too long."""
        value = self._value(name, None)
        if value is _MISSING:
            return []
        if not isinstance(value, list):
            self.fault(name, "This must be a list.", "not-a-list")
            return []
        if not least <= len(value) <= most:
            self.fault(name, f"There must be {least} to {most} of these.", "too-few" if len(value) < least else "too-many")
        if len(value) > most:
            return []
        readers = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                readers.append(FieldReader(item, self.faults, f"{self.at}/{name}/{index}"))
            else:
                self.fault(f"{name}/{index}", "This must be an object.", "not-an-object")
        return readers

    def _value(self, name: str, default: Any) -> Any:
        if name in self.body:
            return self.body[name]
        if default is None:
            self.fault(name, "This is required.", "required")
            return _MISSING
        return default


def is_visible(text: str) -> bool:
    """Whether there is anything to see: more than white space, controls and characters without width."""
    return any(unicodedata.category(character)[0] not in "ZC" for character in text)
