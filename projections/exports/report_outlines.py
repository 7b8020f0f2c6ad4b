"""Turns the cubic outlines of a small part of an OpenType font into TrueType's quadratic ones: our PDF library embeds the former wrongly."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable

_GREATEST_ERROR = 0.001  # of the font's em


def needs_turning(font: TTFont) -> bool:
    """Whether the font has cubic outlines and names its glyphs; those that number them (CID) are embedded as they are."""
    return "CFF " in font and not hasattr(font["CFF "].cff.topDictIndex[0], "ROS")


def write_truetype(font: TTFont, points: Iterable[int], path: Path) -> None:
    """Writes the part of the font that the code points need, with what shapes them, as a TrueType font. `font` is of no use afterwards."""
    options = Options()
    options.layout_features = ["*"]
    options.notdef_outline = True
    part = Subsetter(options)
    part.populate(unicodes=points)
    part.subset(font)
    order = font.getGlyphOrder()
    drawn = font.getGlyphSet()
    glyphs = {name: _turned(drawn, name, font["head"].unitsPerEm) for name in order}
    del font["CFF "]
    font["loca"] = newTable("loca")
    font["glyf"] = table = newTable("glyf")
    table.glyphOrder, table.glyphs = order, glyphs
    for name, glyph in glyphs.items():
        glyph.recalcBounds(table)
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(glyph, "xMin", 0))
    _name_as_truetype(font, order)
    font.save(path)


def _turned(drawn: Any, name: str, em: int) -> Any:
    pen = TTGlyphPen(None)
    drawn[name].draw(Cu2QuPen(pen, em * _GREATEST_ERROR, reverse_direction=True))
    return pen.glyph()


def _name_as_truetype(font: TTFont, order: list[str]) -> None:
    maxima = font["maxp"]
    maxima.tableVersion = 0x00010000
    for field in ("maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs", "maxStackElements", "maxSizeOfInstructions"):
        setattr(maxima, field, 0)
    maxima.maxZones = 1
    maxima.maxComponentElements = 0
    names = font["post"]
    names.formatType, names.extraNames, names.mapping, names.glyphOrder = 2.0, [], {}, order
    font.sfntVersion = "\0\1\0\0"
