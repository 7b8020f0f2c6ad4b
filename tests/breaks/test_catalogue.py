"""Every deliberate break still fits the source, and names tests that there are; `make breaks` shows that they catch it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.breaks.catalogue import BREAKS
from tests.breaks.definition import Break

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_fits_the_source_as_it_is(broken: Break, tmp_path: Path) -> None:
    for edit in broken.edits:
        copy = tmp_path / edit.file
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text((ROOT / edit.file).read_text(encoding="utf-8"), encoding="utf-8")
        assert edit.old != edit.new
        edit.apply(tmp_path)
        if edit.file.endswith(".py"):
            compile(copy.read_text(encoding="utf-8"), edit.file, "exec")


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_names_tests_that_there_are(broken: Break) -> None:
    assert broken.caught_by
    for node in broken.caught_by:
        file, *path = node.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        for name in path:
            assert re.search(rf"^\s*(class|def|async def) {re.escape(name)}\b", text, re.MULTILINE), f"{node} is no more"


def test_no_two_breaks_have_one_name() -> None:
    assert len({broken.name for broken in BREAKS}) == len(BREAKS)
