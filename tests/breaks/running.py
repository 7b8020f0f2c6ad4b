"""Runs named tests in a copy of the tree and says of each how it failed, if it did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.breaks.definition import Break

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".run", ".hypothesis", "__pycache__", ".*_cache", "node_modules")
_LONGEST_SECONDS = 1200


@dataclass(frozen=True)
class Verdict:
    """What became of a named test. `failure`: the first line of the assertion or exception that ended it, None when it passed.

    `trouble`: it ended otherwise, so that it shows nothing: not collected, skipped, broken in a fixture, out of time.
    """

    failure: str | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class Result:
    """A break and what its tests said."""

    broken: Break
    verdicts: dict[str, Verdict]

    @property
    def caught(self) -> bool:
        return all(verdict.failure is not None for verdict in self.verdicts.values())


def copy_tree(root: Path, to: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(root, to / "nexus", ignore=_LEFT_OUT, symlinks=True))


def run_broken(tree: Path, broken: Break) -> Result:
    """Breaks the copy, runs the break's tests and mends the copy again."""
    kept = {edit.file: (tree / edit.file).read_text(encoding="utf-8") for edit in broken.edits}
    try:
        for edit in broken.edits:
            edit.apply(tree)
        return Result(broken, run_tests(tree, broken.caught_by))
    except ValueError as drifted:  # the source is no longer what the break was made for
        return Result(broken, dict.fromkeys(broken.caught_by, Verdict(trouble=str(drifted))))
    finally:
        for file, text in kept.items():
            (tree / file).write_text(text, encoding="utf-8")


def run_tests(tree: Path, nodes: Sequence[str]) -> dict[str, Verdict]:
    """What became of each of the tests."""
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    # A test file of the same size, broken and mended within a second, would be taken for its compiled self.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", f"--junitxml={report}", *nodes]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS)
    if not report.exists():
        trouble = Verdict(trouble=(done.stdout + done.stderr).strip().splitlines()[-1])
        return dict.fromkeys(nodes, trouble)
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314  (pytest wrote it)
    return {node: _verdict(case for case in cases if _is_of(case, node)) for node in nodes}


def _is_of(case: ET.Element, node: str) -> bool:
    file, *path = node.split("::")
    *classes, test = [*path, ""][: len(path) or 1]
    wanted = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    return case.get("classname") == wanted and (not test or case.get("name", "").split("[")[0] == test)


def _verdict(cases: Iterable[ET.Element]) -> Verdict:
    """Of a test with parameters it is enough that one of them fails."""
    found = list(cases)
    if not found:
        return Verdict(trouble="not collected")
    for kind in ("error", "skipped"):
        for case in found:
            reason = case.find(kind)
            if reason is not None:
                return Verdict(trouble=f"{kind}: {_first_line(reason)}")
    failures = [failure for case in found if (failure := case.find("failure")) is not None]
    if not failures:
        return Verdict()
    line = _first_line(failures[0])
    return Verdict(trouble=line) if line.startswith("Failed: Timeout") else Verdict(failure=line)


def _first_line(element: ET.Element) -> str:
    return (element.get("message") or "").strip().split("\n", maxsplit=1)[0]
