"""Sets type on the report's pages: pieces of text, broken into lines once, measured, and put on the page from the side where their script begins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fpdf import FPDF
from fpdf.enums import Align, TextDirection

from projections.exports.report_fonts import FAMILY
from projections.exports.report_lines import lines_of
from projections.exports.report_texts import needs_shaping, runs_right_to_left

Colour = tuple[int, int, int]

INK: Colour = (32, 28, 46)
SOFT: Colour = (93, 88, 110)

_POINT = 0.3528  # millimetres
_LEADING = 1.32
_TOLERANCE = 0.05  # millimetres; a line is measured in pieces and set in one


@dataclass(frozen=True, slots=True)
class Type:
    """`size` in points."""

    size: float
    bold: bool = False
    colour: Colour = INK

    @property
    def line(self) -> float:
        """The height of a line in millimetres."""
        return self.size * _POINT * _LEADING


@dataclass(frozen=True, slots=True)
class Text:
    """A text in lines; `height` in millimetres. `shaped`: a shaping engine must set it."""

    lines: tuple[str, ...]
    type: Type
    width: float
    shaped: bool
    right: bool

    @property
    def height(self) -> float:
        return self.type.line * len(self.lines)


class Setter(FPDF):
    """An FPDF whose texts are broken here: its own way measures every prefix of every line anew, which takes minutes for a long poll."""

    _widths: dict[tuple[str, float, bool, bool], float]

    def __init__(self) -> None:
        super().__init__(format="A4")
        self._widths = {}
        self.c_margin = 0
        self.set_auto_page_break(auto=False)

    def set_text(self, text: str, type_: Type, *, width: float) -> Text:
        """Breaks the text, which must have characters of our fonts only, into lines of so many millimetres."""
        shaped = needs_shaping(text)
        self._take(type_, shaped=shaped, right=False)
        lines = lines_of(text, width - _TOLERANCE, partial(self._measure, type_=type_, shaped=shaped))
        return Text(tuple(lines), type_, width, shaped, runs_right_to_left(text))

    def put_text(self, text: Text, x: float, y: float, *, to_right: bool = False) -> None:
        """Puts it on the page, its upper left corner at `x`, `y`; `to_right` aligns also what runs from left to right at the right."""
        self._take(text.type, shaped=text.shaped, right=text.right)
        self.set_text_color(*text.type.colour)
        for number, line in enumerate(text.lines):
            self.set_xy(x, y + number * text.type.line)
            self.cell(text.width, text.type.line, line, align=Align.R if to_right or text.right else Align.L)

    def _measure(self, piece: str, *, type_: Type, shaped: bool) -> float:
        key = (piece, type_.size, type_.bold, shaped)
        width = self._widths.get(key)
        if width is None:
            width = self._widths[key] = self.get_string_width(piece)
        return width

    def _take(self, type_: Type, *, shaped: bool, right: bool) -> None:
        style = "B" if type_.bold else ""
        if self._fallback_font_ids:  # after text in one of these it believes that the font on the page is still the one set before
            self.set_font(FAMILY, style, 1)
        self.set_font(FAMILY, style, type_.size)
        self.set_text_shaping(use_shaping_engine=shaped, direction=TextDirection.RTL if right else TextDirection.LTR)
