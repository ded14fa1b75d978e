"""Line charts as SVG: charts with axes, and small lines beside text.

A plotting package would be the largest one that this project needs, for two kinds of drawing.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 44
LINE_WIDTH, LINE_HEIGHT, LINE_MARGIN = 360, 160, 8
COLOURS = ("#1f6fb2", "#c4452d", "#2e8b57", "#8b5fb0")
Curve = Sequence[tuple[float, float]]  # (x, y) in the chart's units


@dataclass(frozen=True)
class Chart:
    """Named curves, x to the right and y upward; both axes begin at 0."""

    title: str
    x_label: str
    y_label: str
    curves: dict[str, Curve]


def charts_as_svg(charts: Sequence[Chart], columns: int = 3) -> str:
    """Charts in rows of ``columns`` in one picture."""
    width, height = WIDTH * min(columns, len(charts)), HEIGHT * math.ceil(len(charts) / columns)
    parts = []
    for index, chart in enumerate(charts):
        row, column = divmod(index, columns)
        parts.append(f'<g transform="translate({column * WIDTH} {row * HEIGHT})">{_chart(chart)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#222">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def lines_as_svg(curves: Sequence[Curve], colours: Sequence[str]) -> str:
    """Curves on one scale without axes, from the lowest value to the highest; "" where no value is finite.

    What is not finite is left out.
    """
    finite = [[(x, y) for x, y in curve if math.isfinite(y)] for curve in curves]
    places = [point for curve in finite for point in curve]
    if not places:
        return ""
    first, low = (min(values) for values in zip(*places, strict=True))
    last, high = (max(values) for values in zip(*places, strict=True))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LINE_MARGIN + (LINE_WIDTH - 2 * LINE_MARGIN) * (x - first) / ((last - first) or 1),
            LINE_HEIGHT - LINE_MARGIN - (LINE_HEIGHT - 2 * LINE_MARGIN) * (y - low) / ((high - low) or 1),
        )

    lines = [
        _line([place(*point) for point in curve], colour, 1.5) for curve, colour in zip(finite, colours, strict=False)
    ]
    return f'<svg width="{LINE_WIDTH}" height="{LINE_HEIGHT}" role="img">{"".join(lines)}</svg>'


def ticks(highest: float) -> list[float]:
    """Four to seven round numbers from 0 to at least ``highest``."""
    rough = max(highest, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [index * step for index in range(math.ceil(highest / step - 1e-9) + 1)]


def _chart(chart: Chart) -> str:
    across = ticks(max(x for points in chart.curves.values() for x, _ in points))
    upward = ticks(max(y for points in chart.curves.values() for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / across[-1],
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / upward[-1],
        )

    parts = [
        _text(WIDTH / 2, 18, chart.title, "middle", bold=True),
        _text(WIDTH / 2, HEIGHT - 8, chart.x_label, "middle"),
    ]
    parts.append(f'<g transform="translate(14 {HEIGHT / 2}) rotate(-90)">{_text(0, 0, chart.y_label, "middle")}</g>')
    for value in upward:
        x, y = place(0, value)
        parts.append(
            f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>{_text(x - 6, y + 4, f"{value:g}", "end")}'
        )
    for value in across:
        x, y = place(value, 0)
        parts.append(_text(x, y + 16, f"{value:g}", "middle"))
    for index, (name, points) in enumerate(chart.curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        places = [place(*point) for point in points]
        parts.append(_line(places, colour, 2))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if len(chart.curves) > 1:
            parts.append(_text(WIDTH - RIGHT - 4, TOP + 12 + 15 * index, name, "end", colour=colour))
    return "".join(parts)


def _line(places: Curve, colour: str, width: float) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str, *, colour: str = "#222", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{html.escape(text)}</text>'
