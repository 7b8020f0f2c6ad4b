"""Progress bars on standard error, shown on a terminal only: what a script reads stays clean."""

from __future__ import annotations

import shutil
from typing import Any

from tqdm import tqdm


def bar(what: str, *, total: float | None, unit: str = "") -> tqdm[Any]:
    """A bar for so many of something; of shares of a whole where `total` is 1."""
    size = shutil.get_terminal_size()
    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}" if total == 1 else None
    return tqdm(total=total, desc=what, unit=f" {unit}", disable=None, leave=False, bar_format=form, ncols=min(size.columns, 100), nrows=size.lines)


def move(shown: tqdm[Any], what: str, share: float) -> None:
    """Sets a bar of shares to where the work is."""
    shown.set_description(what, refresh=False)
    shown.n = share
    shown.refresh()
