"""Draws bars and lines as SVG text. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#2a6fbb", "#d9822b", "#3d9e63", "#b5476b", "#7b61b8", "#8a7f5a", "#4aa3a8", "#9a9a9a", "#c2a83e", "#5b5b5b")
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 760, 22, 10, 250, 110
_HEIGHT, _MARGIN = 320, 60


def stacked_bars(title: str, unit: str, bars: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Horizontal bars, each a name with its parts; the whole stands behind it, with the unit."""
    parts = list(dict.fromkeys(part for _, values in bars for part in values))
    colours = {part: COLOURS[number % len(COLOURS)] for number, part in enumerate(parts)}
    most = max((sum(values.values()) for _, values in bars), default=0.0) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    shapes, y = [], 44
    for name, values in bars:
        x = float(_LEFT)
        shapes.append(_text(_LEFT - 8, y + 15, name, anchor="end"))
        for part, value in values.items():
            width = max(0.0, value * scale)
            told = f"<title>{escape(part)}: {_number(value)} {unit}</title>"
            shapes.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colours[part]}">{told}</rect>')
            x += width
        shapes.append(_text(x + 6, y + 15, f"{_number(sum(values.values()))} {unit}"))
        y += _BAR + _GAP
    if len(parts) > 1:
        y = _legend(shapes, [(part, colours[part]) for part in parts], y + 12)
    return _document(title, shapes, _WIDTH, y + 12)


def bars(title: str, unit: str, values: Sequence[tuple[str, float]]) -> str:
    """Horizontal bars of one part each."""
    return stacked_bars(title, unit, [(name, {"": value}) for name, value in values])


def lines(title: str, x_unit: str, y_unit: str, series: Mapping[str, Sequence[tuple[float, float]]], *, logarithmic: bool = False) -> str:
    """Lines over a common x axis, which may be logarithmic; y begins at 0."""
    points = [point for line in series.values() for point in line]
    if not points:
        return _document(title, [], _WIDTH, 60)
    along = [math.log10(x) if logarithmic else x for x, _ in points]
    left, width = min(along), (max(along) - min(along)) or 1.0
    most = max(y for _, y in points) * 1.1 or 1.0
    bottom = _HEIGHT - _MARGIN

    def place(x: float, y: float) -> tuple[float, float]:
        value = math.log10(x) if logarithmic else x
        return _MARGIN + 20 + (value - left) / width * (_WIDTH - 2 * _MARGIN - 20), bottom - y / most * (bottom - 40)

    shapes = [f'<path d="M{_MARGIN + 20} 40V{bottom}H{_WIDTH - _MARGIN}" fill="none" stroke="#888"/>']
    for part in (0.25, 0.5, 0.75, 1.0):
        height = place(points[0][0], most * part)[1]
        shapes.append(f'<path d="M{_MARGIN + 20} {height:.1f}H{_WIDTH - _MARGIN}" stroke="#8884"/>')
        shapes.append(_text(_MARGIN + 14, height + 4, _number(most * part), anchor="end"))
    marks = sorted({x for x, _ in points})
    told = marks if len(marks) <= 8 else [marks[0], marks[len(marks) // 2], marks[-1]]
    shapes += [_text(place(x, 0)[0], bottom + 18, _number(x), anchor="middle") for x in told]
    shapes.append(_text(_WIDTH - _MARGIN, bottom + 34, x_unit, anchor="end"))
    shapes.append(_text(_MARGIN + 26, 36, y_unit))
    legend = []
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(line) <= 20:
            shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*point) for point in line)]
        legend.append((name, colour))
    return _document(title, shapes, _WIDTH, _legend(shapes, legend, bottom + 46) + 12)


def _legend(shapes: list[str], entries: Sequence[tuple[str, str]], y: int) -> int:
    x = 20.0
    for name, colour in entries:
        wide = 26 + 7.2 * len(name)
        if x + wide > _WIDTH:
            x, y = 20.0, y + 20
        shapes.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" fill="{colour}"/>')
        shapes.append(_text(x + 18, y + 11, name))
        x += wide + 12
    return y + 16


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.001 else "0"


def _document(title: str, shapes: Sequence[str], width: int, height: int) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT} role="img" aria-label="{escape(title)}">'
    style = "<style>svg{color:#222;background:#fff}@media(prefers-color-scheme:dark){svg{color:#ddd;background:#161616}}</style>"
    return "\n".join([head, style, f'<text x="8" y="22" font-size="14" font-weight="600" fill="currentColor">{escape(title)}</text>', *shapes, "</svg>\n"])
