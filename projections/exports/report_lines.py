"""Breaks a text into lines of a given width: between words, between East Asian characters, and inside a word only where it is too long. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

Measure = Callable[[str], float]

_SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょァィゥェォッャュョー々")
_JOINERS = {"\u200c", "\u200d"}


def lines_of(text: str, width: float, measure: Measure) -> list[str]:
    """The text's lines, in order, without the blanks at which it was broken; none is wider than `width` unless a single character is.

    `measure` gives the width of a piece of text; a line counts as wide as its pieces together.
    """
    if measure(text) <= width:
        return [text]
    lines: list[str] = []
    line, taken = "", 0.0
    for piece in _pieces(text, width, measure):
        wide = measure(piece)
        if line and taken + measure(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line, taken = "", 0.0
        line += piece
        taken += wide
    return [*lines, line.rstrip()] if line.strip() else lines or [""]


def _pieces(text: str, width: float, measure: Measure) -> Iterator[str]:
    """What is never broken: words with the blanks behind them; and the parts of a word that is wider than a line."""
    for word in _words(text):
        if measure(word.rstrip()) <= width:
            yield word
            continue
        part, taken = "", 0.0
        for letter in _letters(word):
            wide = measure(letter)
            if part and taken + wide > width:
                yield part
                part, taken = "", 0.0
            part += letter
            taken += wide
        yield part


def _words(text: str) -> Iterator[str]:
    word = ""
    for c in text:
        ends_before = (_is_wide(c) or _is_wide(word[-1:])) and not _belongs_behind(c)
        if word and (ends_before or (word[-1] == " " and c != " ")):
            yield word
            word = ""
        word += c
    if word:
        yield word


def _letters(word: str) -> Iterator[str]:
    """Characters with the marks that belong to them."""
    letter = ""
    for c in word:
        if letter and not _clings(c) and letter[-1] not in _JOINERS:
            yield letter
            letter = ""
        letter += c
    if letter:
        yield letter


def _clings(c: str) -> bool:
    return c in _JOINERS or unicodedata.category(c).startswith("M")


def _belongs_behind(c: str) -> bool:
    """Blanks, stops, closing brackets, small kana: they begin no line."""
    return c == " " or c in _SMALL_KANA or unicodedata.category(c) in {"Pe", "Pf", "Po"} or _clings(c)


def _is_wide(c: str) -> bool:
    return bool(c) and unicodedata.east_asian_width(c) in {"W", "F"} and not "\uac00" <= c <= "\ud7a3"  # Korean has words
