"""Results as CSV (RFC 4180) for spreadsheets. Pure.

UTF-8 without a byte order mark, so that the first column is called `question` for whoever reads it with a program. A spreadsheet must not take a
poll's text for a formula: texts that begin like one get an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import re

from projections.document import ResultsDocument, share

HEADER = ("question", "choice", "votes", "share")

# Also behind blanks, which some spreadsheets drop, and in the full width that East Asian ones take for the same.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def results_csv(document: ResultsDocument) -> bytes:
    """One row per choice in the poll's order, after a header."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(HEADER)
    for question in document.questions:
        text = defused(question.text)
        rows.writerows((text, defused(choice.text), choice.votes, f"{share(choice.votes, question.ballots):.4f}") for choice in question.choices)
    return written.getvalue().encode()


def defused(text: str) -> str:
    """The text as a spreadsheet shows it without computing anything."""
    return f"'{text}" if _FORMULA.match(text) else text
