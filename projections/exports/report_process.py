"""A process that makes one report: it reads what `order` wrote from standard input and writes the PDF to standard output.

Run as `python -m projections.exports.report_process`. A process of its own, because a long poll takes seconds of computing that would hold up every
vote and every reader of the web process; it knows no settings, no secrets and no database.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from projections.document import ResultsDocument
from projections.exports.report import results_pdf

_NICENESS = 10  # votes come first


def order(document: ResultsDocument, *, state: str, own_fonts: Sequence[Path]) -> bytes:
    """What to tell the process."""
    return orjson.dumps({"state": state, "own_fonts": list(map(str, own_fonts))}) + b"\n" + document.encode()


def main() -> None:
    os.nice(_NICENESS)
    head, _, encoded = sys.stdin.buffer.read().partition(b"\n")
    wanted = orjson.loads(head)
    document = ResultsDocument.decode(encoded)
    sys.stdout.buffer.write(results_pdf(document, state=wanted["state"], own_fonts=[Path(path) for path in wanted["own_fonts"]]))


if __name__ == "__main__":
    main()
