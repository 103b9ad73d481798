"""What every figure is made with: colours by role, marks, and the drawing to SVG.

Positions are chosen here rather than by the layout engine, so that numbers at risk stand exactly
below their times and rows of text never overlap. Colours are roles: in a page they follow light and
dark mode, in a file of their own they are those of light mode. The palette is Okabe and Ito's,
which people with any kind of colour vision can tell apart; lines differ in dashes as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

import vl_convert

from haemony.analysis.report import numerals
from haemony.analysis.report.values import Document

Spec = dict[str, Any]


INK, MUTED, GRID, PANEL = "#1b2430", "#566170", "#e1e6ec", "#fefefe"


SERIES = ("#0072b2", "#d55e00", "#009e73", "#a6488f", "#b87900", "#3a3f47")


DASHES: tuple[list[int], ...] = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 4])


ROLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PANEL: "panel",
    **{color: f"series-{i}" for i, color in enumerate(SERIES, 1)},
}


"""The name of each colour in the page's style sheet (``--fig-ink`` and so on)."""


FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


WIDTH, HEIGHT, ROW = 590, 330, 21


@dataclass(frozen=True, slots=True)
class Sketch:
    """A figure before it is drawn.

    Attributes:
        name: the file's name in the folder of figures.
        alt: what it shows, for those who do not see it.
        spec: what to draw, in Vega-Lite.
    """

    name: str
    alt: str
    spec: Spec

    def drawn(self, source: str, *, warning: str = "") -> Figure:
        """Draw it.

        Args:
            source: where its numbers are from, kept inside the file.
            warning: words that stand above the drawing.
        """
        above = {"title": {"text": warning, "color": SERIES[1]}} if warning else {}
        return Figure(self.name, self.alt, source, _draw({**self.spec, **above}))


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: the file's name in the folder of figures.
        alt: what it shows, for those who do not see it.
        source: where its numbers are from.
        svg: the drawing, in the colours of light mode.
    """

    name: str
    alt: str
    source: str
    svg: str

    @property
    def file(self) -> str:
        """The drawing for a file of its own: it says what it shows and where it is from."""
        start = self.svg.index(">") + 1
        about = f"<title>{escape(self.alt)}</title><desc>{escape(self.source)}</desc>"
        return f"{self.svg[:start]}{about}{self.svg[start:]}\n"

    @property
    def inline(self) -> str:
        """The drawing for a page: colours as roles, names of its parts its own."""
        svg = self.svg
        for color, role in ROLES.items():
            svg = svg.replace(f'"{color}"', f'"var(--fig-{role}, {color})"')
        own = re.sub(r"\W", "-", self.name)
        svg = re.sub(r'(id="|url\(#)(clip|gradient)', rf"\1{own}-\2", svg)
        return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(self.alt)}" ', 1)


def text_mark(
    data: list[Document], text: str, x: float, y: float, *, align: str = "left", **style: str
) -> Spec:
    """A row of text at a place of its own."""
    mark = {"type": "text", "align": align, "color": INK, "fontSize": 12, "text": text}
    weight = {"fontWeight": style["weight"]} if "weight" in style else {}
    return {
        "data": {"values": data},
        "mark": mark | weight | ({"color": style["color"]} if "color" in style else {}),
        "encoding": {"x": {"value": x}, "y": {"value": y}},
    }


def rule_mark(value: float, x: Spec) -> Spec:
    """A thin line at one value."""
    return {
        "data": {"values": [{"v": value}]},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [4, 3]},
        "encoding": {"x": {"field": "v", **x}},
    }


def short(value: float) -> str:
    """A number in few characters, for axes."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def wrapped(text: str, width: int = 30) -> list[str]:
    """A title in lines that fit above a small panel."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _draw(spec: Spec) -> str:
    labels = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12}
    config = {
        "font": FONT,
        "background": PANEL,
        "aria": False,
        "padding": 10,
        "view": {"stroke": None},
        "axis": {
            **labels,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": GRID,
            "domainColor": MUTED,
            "tickColor": MUTED,
            "labelFlush": False,
            "tickSize": 4,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "minExtent": 34},
        "title": {
            "anchor": "start",
            "fontSize": 13,
            "color": INK,
            "subtitleColor": MUTED,
            "subtitleFontSize": 12,
            "offset": 8,
        },
        "concat": {"spacing": 30},
    }
    svg = str(vl_convert.vegalite_to_svg({**spec, "config": config}, vl_version="6.1"))
    return _renumbered(svg)


def _renumbered(svg: str) -> str:
    """Clip paths numbered within the drawing: the engine counts through a whole process."""
    names = dict.fromkeys(re.findall(r'id="(clip\d+)"', svg))
    fresh = {name: f"clip-{i}" for i, name in enumerate(names, 1)}
    return re.sub(r"\bclip\d+\b", lambda found: fresh.get(found[0], found[0]), svg)


def with_days(value: float | None) -> str:
    """A median with its unit, or what stands for none."""
    return f"{numerals.days(value)} days" if value is not None else numerals.NOT_REACHED
