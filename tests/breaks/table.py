"""The table of breaks and of the tests that caught them. Pure, but for putting it into its page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.breaks.running import Result

_BEGIN, _END = "<!-- breaks:begin -->", "<!-- breaks:end -->"
_HEAD = "| what is broken | what it promises | caught by | how it failed |\n|---|---|---|---|"
_LONGEST = 120
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]+")


def table(results: Sequence[Result]) -> str:
    """As Markdown."""
    return "\n".join([_HEAD, *(_row(result) for result in results)])


def put_in_page(page: Path, text: str) -> None:
    """Between the page's two marks. Raises `ValueError` for a page without them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} has no {_BEGIN} and {_END}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _row(result: Result) -> str:
    tests = "<br>".join(f"`{_short(node)}`" for node in result.verdicts)
    ways = "<br>".join(_way(verdict.failure or f"NOT CAUGHT {verdict.trouble or ''}") for verdict in result.verdicts.values())
    return f"| {result.broken.name} | {result.broken.promise} | {tests} | {ways} |"


def _short(node: str) -> str:
    file, *path = node.split("::")
    return "::".join([Path(file).name, *path[-1:]])


def _way(failure: str) -> str:
    """Without ids, which are others each time, and no longer than a line."""
    line = _ID.sub("…", " ".join(failure.removeprefix("AssertionError: ").split()))
    cut = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return "`" + cut.replace("|", "\\|").replace("`", "'") + "`"
