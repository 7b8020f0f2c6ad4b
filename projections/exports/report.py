"""A poll's results as a report to hand round, in PDF: what was asked, who is ahead, by how much, as of when. Equal input gives equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from projections.document import QuestionResult, ResultsDocument, share
from projections.exports.report_fonts import add_fonts
from projections.exports.report_setting import SOFT, Colour, Setter, Text, Type
from projections.exports.report_texts import printable, with_boxes

TITLE, FACTS, SMALL = Type(20, bold=True), Type(12), Type(9, colour=SOFT)
HEADING, AGAIN, FOOT = Type(13, bold=True), Type(11, bold=True), Type(8, colour=SOFT)
PLAIN_ROW, LEADING_ROW = Type(10.5), Type(10.5, bold=True)

RULE: Colour = (217, 212, 204)
TRACK: Colour = (238, 235, 229)
BAR: Colour = (179, 169, 245)
LEADING_BAR: Colour = (81, 64, 214)

# Millimetres.
MARGIN, BELOW = 18.0, 20.0
WIDTH = 210 - 2 * MARGIN
CHOICE, GAP, VOTES, SHARE = 84.0, 4.0, 25.0, 20.0
TRACK_WIDTH, BAR_HEIGHT = WIDTH - CHOICE - 2 * GAP - VOTES - SHARE, 3.4
PADDING = 1.5

_STATES = {"open": "Open", "closed": "Closed", "scheduled": "Not open yet", "draft": "Draft"}


def results_pdf(document: ResultsDocument, *, state: str, own_fonts: Sequence[Path] = ()) -> bytes:
    """The report on the document, the poll being in `state`. `own_fonts`: font files for scripts that the usual fonts do not have."""
    with TemporaryDirectory() as folder:
        return bytes(_Report(document, state, Path(folder), own_fonts).output())


@dataclass(frozen=True, slots=True)
class _Row:
    choice: Text
    votes: int
    leading: bool

    @property
    def height(self) -> float:
        return self.choice.height + 2 * PADDING


class _Report(Setter):
    """A4, upright. Pages are broken between choices only; a question that goes on says so at the top of the next page."""

    def __init__(self, document: ResultsDocument, state: str, folder: Path, own_fonts: Sequence[Path]) -> None:
        super().__init__()
        self._going_on: Text | None = None
        texts = [document.title, *(q.text for q in document.questions), *(c.text for q in document.questions for c in q.choices)]
        self._shown = add_fonts(self, map(printable, texts), folder=folder, own=own_fonts)
        self.set_creator("Nexus")
        self.set_title(printable(document.title))
        self.set_creation_date(document.as_of.astimezone(UTC))
        self._turn()
        self._title(document, state)
        for number, question in enumerate(document.questions, 1):
            self._question(question, f"{number}. " if len(document.questions) > 1 else "")
        self._feet(self._fit(document.title))

    def _title(self, document: ResultsDocument, state: str) -> None:
        self._down(self._fit(document.title), TITLE)
        self.y += 1.5
        final = "Final result" if document.final else "Not final: the last votes are being counted" if state == "closed" else "Not final"
        self._down(f"{_STATES.get(state, state)}  ·  {final}  ·  {_ballots(document.ballots)}", FACTS)
        self._down(f"As of {_moment(document.as_of)}", SMALL)
        self.y += 2
        self._rule()

    def _question(self, question: QuestionResult, number: str) -> None:
        most = max((choice.votes for choice in question.choices), default=0)
        rows = []
        for choice in question.choices:
            leading = 0 < choice.votes == most
            rows.append(_Row(self.set_text(self._fit(choice.text), LEADING_ROW if leading else PLAIN_ROW, width=CHOICE), choice.votes, leading))
        heading = self._fit(question.text)
        above = self.set_text(number + heading, HEADING, width=WIDTH)
        self._going_on = None
        self._room(5 + above.height + 15 + sum(row.height for row in rows[:2]))
        self.y += 5
        self._down(number + heading, HEADING)
        self._down(f"{_ballots(question.ballots)} with an answer here", SMALL)
        self._columns()
        self._going_on = self.set_text(heading, AGAIN, width=WIDTH)
        for row in rows:
            self._row(row, question.ballots)

    def _columns(self) -> None:
        y = self.y + 1.5
        self._put("Choice", SMALL, MARGIN, y, width=CHOICE)
        self._put("Votes", SMALL, MARGIN + WIDTH - SHARE - VOTES, y, width=VOTES, to_right=True)
        self._put("Share", SMALL, MARGIN + WIDTH - SHARE, y, width=SHARE, to_right=True)
        self.y = y + 5
        self._rule()

    def _row(self, row: _Row, ballots: int) -> None:
        self._room(row.height)
        top = self.y
        y = top + PADDING
        part = share(row.votes, ballots)
        self.put_text(row.choice, MARGIN, y)
        self._bar(TRACK, TRACK_WIDTH, y)
        self._bar(LEADING_BAR if row.leading else BAR, TRACK_WIDTH * min(part, 1.0), y)
        self._put(f"{row.votes:,}", row.choice.type, MARGIN + WIDTH - SHARE - VOTES, y, width=VOTES, to_right=True)
        self._put(f"{part * 100:.2f} %", row.choice.type, MARGIN + WIDTH - SHARE, y, width=SHARE, to_right=True)
        self.y = top + row.height
        self._rule()

    def _bar(self, colour: Colour, length: float, y: float) -> None:
        if length > 0:
            self.set_fill_color(*colour)
            self.rect(MARGIN + CHOICE + GAP, y + 0.8, length, BAR_HEIGHT, style="F")

    def _room(self, height: float) -> None:
        """Turns the page where so many millimetres do not fit any more; the present question's head comes along."""
        if self.y + height <= self.h - BELOW:
            return
        self._turn()
        if self._going_on is not None:
            self._down("continued", SMALL)
            self.put_text(self._going_on, MARGIN, self.y)
            self.y += self._going_on.height
            self._columns()

    def _turn(self) -> None:
        self.add_page()
        self.y = MARGIN

    def _feet(self, title: str) -> None:
        """At the foot of every page, now that their number is known: whose report it is, from the second on, and which page."""
        pages, room = self.pages_count, WIDTH - 40
        whole = self.set_text(title, FOOT, width=room - 5)
        brief = replace(whole, lines=(f"{whole.lines[0]} …" if len(whole.lines) > 1 else whole.lines[0],))
        for page in range(1, pages + 1):
            self.page = page
            if page > 1:
                self.put_text(brief, MARGIN, self.h - 13)
            self._put(f"Page {page} of {pages}", FOOT, MARGIN + room, self.h - 13, width=40, to_right=True)

    def _rule(self) -> None:
        self.set_draw_color(*RULE)
        self.set_line_width(0.15)
        self.line(MARGIN, self.y, MARGIN + WIDTH, self.y)

    def _down(self, text: str, type_: Type) -> None:
        """The text over the whole width, and on to the place below it."""
        placed, top = self.set_text(text, type_, width=WIDTH), self.y
        self.put_text(placed, MARGIN, top)
        self.y = top + placed.height

    def _put(self, words: str, type_: Type, x: float, y: float, *, width: float, to_right: bool = False) -> None:
        """One line at a place."""
        self.put_text(Text((words,), type_, width, shaped=False, right=False), x, y, to_right=to_right)

    def _fit(self, text: str) -> str:
        return with_boxes(printable(text), self._shown)


def _ballots(n: int) -> str:
    return f"{n:,} {'ballot' if n == 1 else 'ballots'}"


def _moment(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC"
