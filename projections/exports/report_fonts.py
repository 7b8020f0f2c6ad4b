"""The report's fonts: one family for most scripts, and further ones only where a text needs them, because loading the large ones takes a while."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pymupdf_fonts
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.fonts import TTFFont

from projections.exports.report_outlines import needs_turning, write_truetype
from projections.exports.report_texts import BOX

FAMILY = "report"
# Latin, Cyrillic, Greek, Georgian, Arabic, Hebrew, Devanagari and Thai, in two weights.
_MAIN = {"": "figo", "B": "figbo"}
_CJK_PACKAGE, _CJK_FILE = "noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"
_JAPANESE, _KOREAN, _CHINESE = 0, 1, 2  # faces of that collection: all have all characters, drawn as each language draws them


@dataclass(frozen=True, slots=True)
class Further:
    """A font that may be added; `load` puts its file into a folder and says where it is and which face to take."""

    name: str
    load: Callable[[Path], tuple[Path, int]]


def add_fonts(pdf: FPDF, texts: Iterable[str], *, folder: Path, own: Sequence[Path] = ()) -> frozenset[int]:
    """Adds `FAMILY`, and of the further fonts those that have characters of the texts that none before has; the code points that can be shown.

    `own` are font files of the operator's, asked right after the family. The files written to `folder` are needed until the report is written out.
    """
    for style, name in _MAIN.items():
        pdf.add_font(FAMILY, style, _bundled(name)(folder)[0])
    shown = _points(pdf, FAMILY) & _points(pdf, f"{FAMILY}B")
    missing = {ord(c) for text in (*texts, BOX) for c in text} - shown
    fallbacks = []
    for further in _further(own, missing):
        path, face = further.load(folder)
        with TTFont(path, fontNumber=face, lazy=True, recalcTimestamp=False) as font:
            found = missing & set(font.getBestCmap())
            if found and needs_turning(font):
                path, face = folder / f"{further.name}-turned.ttf", 0
                write_truetype(font, found, path)
        if found:
            pdf.add_font(further.name, "", path, collection_font_number=face)
            fallbacks.append(further.name)
            shown |= found
            missing -= found
        if not missing:
            break
    pdf.set_fallback_fonts(fallbacks, exact_match=False)
    return frozenset(shown)


def _points(pdf: FPDF, key: str) -> set[int]:
    """The code points that a font has."""
    font = pdf.fonts[key]
    return set(font.cmap) if isinstance(font, TTFFont) else set()


def _further(own: Sequence[Path], missing: set[int]) -> Iterable[Further]:
    for number, path in enumerate(own):
        yield Further(f"own{number}", lambda _, path=path: (path, 0))  # type: ignore[misc]
    if any(_is_east_asian(point) for point in missing):
        yield Further("cjk", lambda _: (Path(str(resources.files(_CJK_PACKAGE) / _CJK_FILE)), _face(missing)))
    for name in ("notos", "symbol1", "symbol2", "math"):
        yield Further(name, _bundled(name))


def _bundled(name: str) -> Callable[[Path], tuple[Path, int]]:
    def load(folder: Path) -> tuple[Path, int]:
        path = folder / f"{name}.ttf"
        path.write_bytes(pymupdf_fonts.fontbuffers[name]())
        return path, 0

    return load


def _is_east_asian(point: int) -> bool:
    return unicodedata.east_asian_width(chr(point)) in {"W", "F", "H"}


def _face(points: Iterable[int]) -> int:
    """Which drawing of shared characters suits: with kana the Japanese, with Hangul the Korean, else the Chinese one."""
    names = {unicodedata.name(chr(point), "").partition(" ")[0] for point in points}
    if names & {"HIRAGANA", "KATAKANA"}:
        return _JAPANESE
    return _KOREAN if "HANGUL" in names else _CHINESE
