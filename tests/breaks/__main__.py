"""`python -m tests.breaks`: breaks a copy of the tree in one place at a time and shows which tests notice.

Needs the test servers (`make breaks` brings them up). Exits 0 only if the tests pass unbroken and each of them fails on its break.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.breaks.catalogue import BREAKS
from tests.breaks.running import copy_tree, run_broken, run_tests
from tests.breaks.table import put_in_page, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make breaks", description="Breaks a copy of the source, one promise at a time, and runs the tests that must notice.")
    parser.add_argument("--only", metavar="TEXT", default="", help="breaks whose name contains this")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}, if every break was caught")
    chosen = parser.parse_args()
    breaks = [each for each in BREAKS if chosen.only in each.name]
    if not breaks:
        parser.error(f"no break is called like {chosen.only!r}")
    with tempfile.TemporaryDirectory(prefix="nexus-breaks-") as folder:
        tree = copy_tree(ROOT, Path(folder))
        say(f"unbroken: {len(breaks)} breaks' tests must pass")
        unbroken = run_tests(tree, sorted({node for each in breaks for node in each.caught_by}))
        bad = {node: verdict for node, verdict in unbroken.items() if verdict.failure or verdict.trouble}
        for node, verdict in bad.items():
            say(f"    {node}: {verdict.failure or verdict.trouble}")
        if bad:
            return 1
        results = []
        for number, each in enumerate(breaks, 1):
            began = time.monotonic()
            result = run_broken(tree, each)
            results.append(result)
            say(f"[{number}/{len(breaks)}] {each.name}: {'caught' if result.caught else 'NOT CAUGHT'} ({time.monotonic() - began:.0f} s)")
            for node, verdict in result.verdicts.items():
                if verdict.failure is None:
                    say(f"    {node}: {verdict.trouble or 'passed'}")
    sys.stdout.write(table(results) + "\n")
    if not all(result.caught for result in results):
        return 1
    if chosen.write and not chosen.only:
        put_in_page(PAGE, table(results))
    return 0


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
