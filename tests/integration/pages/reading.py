"""What a person reads on an admin page, and what their browser would send of its form."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any


def words(answer: Any) -> str:
    """The text without markup."""
    body = re.sub(r"(?s)<head>.*</head>", "", answer.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def titles(answer: Any) -> list[str]:
    """The polls of the list, in its order."""
    assert answer.status_code == 200
    return [unescape(found) for found in re.findall(r'<th class="field-title"><a [^>]*>([^<]*)</a>', answer.content.decode())]


def inputs(page: str) -> dict[str, str]:
    """The fields of the page's form as they are filled in; what is disabled is not sent."""
    form = _Form()
    form.feed(page)
    return {name: value for name, value in form.found.items() if name not in {"", "csrfmiddlewaretoken", "q", "next"}}


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if "disabled" in given:
            return
        if tag == "input" and given.get("type") in {"checkbox", "radio"}:
            if "checked" in given:
                self.found[name] = given.get("value") or "on"
        elif tag == "input" and given.get("type") != "submit":
            self.found[name] = given.get("value", "")
        elif tag == "textarea":
            self._area, self.found[name] = name, ""
        elif tag == "select":
            self._select = None if "multiple" in given else name
        elif tag == "option" and self._select and "selected" in given:
            self.found[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            self.found[self._area] = self.found[self._area].lstrip("\r\n")
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.found[self._area] += data
