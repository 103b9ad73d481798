"""The figures of a report, as Vega-Lite specifications drawn to SVG.

Positions are chosen here rather than by the layout engine, so that numbers at risk stand exactly
below their times and rows of text never overlap. Colours are roles: in a page they follow light and
dark mode, in a file of their own they are those of light mode. The palette is Okabe and Ito's,
which people with any kind of colour vision can tell apart; lines differ in dashes as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import vl_convert

from haemony.analysis import survival
from haemony.analysis.evidence import ModelFound, SurvivalFound
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.results import Document, at_risk
from haemony.analysis.survival.arrays import Floats

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

TOGETHER = len(SERIES)
"""The most curves that share one panel; more get a small panel each."""
EVERYBODY = "Everybody"
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
STEPS = {
    TimeUnit.YEARS: (0.5, 1.0, 2.0, 3.0, 5.0, 10.0),
    TimeUnit.MONTHS: (3.0, 6.0, 12.0, 24.0, 36.0, 60.0, 120.0),
    TimeUnit.DAYS: (7.0, 30.0, 90.0, 180.0, 365.0, 730.0, 1826.0),
}


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


@dataclass(frozen=True, slots=True)
class Axis:
    """A time axis: its unit, its end and its ticks, in that unit."""

    unit: TimeUnit
    until: float
    ticks: tuple[float, ...]
    titled: bool = True

    @classmethod
    def of(cls, everyone: survival.Curve, unit: TimeUnit, until: float, least: int) -> Axis:
        """The axis that the protocol asks for, or one that ends where few remain observed."""
        if not until:
            enough = everyone.n_risk >= max(least, 0.05 * everyone.n)
            until = float(everyone.times[enough].max(initial=1.0)) / unit.days
        step = next((s for s in STEPS[unit] if until / s <= 8), STEPS[unit][-1])
        count = int(np.ceil(until / step - 1e-9))
        ticks = tuple(step * i for i in range(count + 1))
        return cls(unit, max(until, ticks[-1]), ticks)


def kaplan_meier(found: SurvivalFound, result: Document, unit: TimeUnit, least: int) -> Sketch:
    """Survival curves with confidence bands, censoring ticks and numbers at risk."""
    axis = Axis.of(found.everyone, unit, found.block.until, least)
    drawn = [
        (curve, group)
        for curve, group in zip(found.curves, result["groups"], strict=True)
        if curve.n >= least
    ]
    if len(drawn) <= TOGETHER:
        spec = _overlay([curve for curve, _ in drawn], found.endpoint.label, axis, least)
        how = "Curves with 95% confidence bands and numbers at risk"
    else:
        spec = _panels(drawn, found.everyone, axis, least)
        how = "One panel per group, the dashed line is everybody"
    medians = "; ".join(
        f"{group['label']}: {numerals.count(group['n'])} patients, median "
        f"{_with_days(group['median_days']['value'])}"
        for _, group in drawn
    )
    alt = f"Kaplan–Meier estimate of {found.endpoint.label.lower()}. {how}. {medians}."
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def forest(result: Document) -> Sketch:
    """Hazard ratios of a Cox model with their confidence intervals, on a logarithmic axis."""
    rows = [
        Row(
            row["label"],
            row["hazard_ratio"],
            row["lower"],
            row["upper"],
            (_ratio_words(row), numerals.p(row["p"])),
        )
        for row in result["coefficients"]
    ]
    spec = _rows(rows, ("Hazard ratio (95% CI)", "p"), logarithmic=True)
    said = "; ".join(f"{row.label} {row.words[0]}" for row in rows)
    alt = f"Forest plot of hazard ratios on a logarithmic axis. {said}."
    return Sketch(result["figures"]["forest"].removeprefix("figures/"), alt, spec)


def horizon(result: Document, label: str, unit: TimeUnit, name: str) -> Sketch | None:
    """Survival of each group at the last time asked for, highest first; None without one."""
    told = [(group, group["at"][-1]) for group in result["groups"] if group["at"]]
    known = [(group, at) for group, at in told if at["survival"] is not None]
    if not known:
        return None
    known.sort(key=lambda pair: -pair[1]["survival"])
    rows = [
        Row(
            group["label"],
            at["survival"],
            at["lower"],
            at["upper"],
            (_share_words(at), numerals.count(group["n"])),
        )
        for group, at in known
    ]
    time = f"{known[0][1]['time']:g}"
    heading = f"At {time} {unit.value} (95% CI)"
    spec = _rows(rows, (heading, "n"), logarithmic=False)
    said = "; ".join(f"{row.label} {row.words[0]}" for row in rows)
    alt = f"{label} at {time} {unit.value} by group, highest first. {said}."
    return Sketch(name, alt, spec)


def proportional_hazards(found: ModelFound, result: Document, unit: TimeUnit) -> Sketch:
    """How each log hazard ratio moves over time: a smooth line through the Schoenfeld residuals.

    The line is a natural cubic spline with four degrees of freedom and its 95% band. Points are
    means over twenty stretches of deaths, not single patients.
    """
    trend = _trend(found)
    panels = [_panel_of_effect(found, j, trend, unit) for j in range(len(found.labels))]
    tests = "; ".join(
        f"{term['label']} {numerals.p_equation(term['p'])}"
        for term in result["proportional_hazards"]["terms"]
    )
    alt = (
        "Smoothed scaled Schoenfeld residuals against time, one panel per coefficient; a level "
        f"line means a constant hazard ratio. Score tests: {tests}."
    )
    name = result["figures"]["proportional_hazards"].removeprefix("figures/")
    spacing = {"row": 34, "column": 38}
    return Sketch(name, alt, {"concat": panels, "columns": 3, "spacing": spacing})


# ── Survival curves ───────────────────────────────────────────────────────────────────────────────

WIDTH, HEIGHT, ROW = 590, 330, 21


def _overlay(curves: Sequence[survival.Curve], label: str, axis: Axis, least: int) -> Spec:
    layers: list[Spec] = []
    for i, curve in enumerate(curves):
        points = _points(curve, axis, least, WIDTH)
        color, dash = SERIES[i], DASHES[i]
        layers += [
            _band(points, color, axis, label),
            _line(points, axis, color, dash, title=label),
            _ticks(curve, axis, least, WIDTH, color, title=label),
        ]
    layers.append(_text([{}], "At risk", -58, HEIGHT + 62, align="right", weight="bold"))
    for i, curve in enumerate(curves):
        y = HEIGHT + 62 + ROW * (i + 1)
        name = EVERYBODY if curve.group == "all" else curve.group
        layers += [
            _text([{}], name, -58, y, align="right"),
            _sample(-52, y, SERIES[i], DASHES[i]),
            _numbers_at_risk(curve, axis, least, y),
        ]
    if not curves:
        layers.append(_text([{}], "Too few patients to draw", 0, HEIGHT / 2))
    longest = max((len(curve.group) for curve in curves), default=0)
    room = {"left": 8 + longest, "right": 12, "top": 8, "bottom": 8}
    return {"width": WIDTH, "height": HEIGHT, "layer": layers, "padding": room}


def _panels(
    drawn: Sequence[tuple[survival.Curve, Document]],
    everyone: survival.Curve,
    axis: Axis,
    least: int,
) -> Spec:
    width, height = 205, 125
    sparse = Axis(
        axis.unit, axis.until, axis.ticks[:: 2 if len(axis.ticks) > 4 else 1], titled=False
    )
    whole = _points(everyone, axis, least, width)
    panels = []
    for curve, group in drawn:
        points = _points(curve, axis, least, width)
        median = _with_days(group["median_days"]["value"])
        panels.append(
            {
                "width": width,
                "height": height,
                "title": {
                    "text": curve.group,
                    "subtitle": f"{numerals.count(group['n'])} patients · median {median}",
                },
                "layer": [
                    _band(points, SERIES[0], sparse, ""),
                    _line(whole, sparse, MUTED, [3, 3], thickness=1.2),
                    _line(points, sparse, SERIES[0], [1, 0]),
                    _ticks(curve, sparse, least, width, SERIES[0], size=5),
                    _numbers_at_risk(curve, sparse, least, height + 32),
                ],
            }
        )
    return {"concat": panels, "columns": 3, "spacing": {"row": 26, "column": 40}}


def _points(curve: survival.Curve, axis: Axis, least: int, width: int) -> list[Document]:
    """The steps of a curve while enough are at risk, no finer than half a pixel."""
    time = curve.times / axis.unit.days
    kept = (curve.n_event > 0) & (curve.n_risk >= least) & (time <= axis.until)
    pixel = np.floor(time / axis.until * width * 2)
    last = np.append(pixel[kept][1:] != pixel[kept][:-1], [True])[: int(kept.sum())]
    chosen = np.flatnonzero(kept)[last]
    rows = [{"t": 0.0, "s": 1.0, "lo": 1.0, "hi": 1.0}]
    for i in chosen:
        row = {
            "t": time[i],
            "s": curve.survival[i],
            "lo": curve.lower[i] if np.isfinite(curve.lower[i]) else curve.survival[i],
            "hi": curve.upper[i] if np.isfinite(curve.upper[i]) else curve.survival[i],
        }
        rows.append({key: round(float(value), 6) for key, value in row.items()})
    observed = time[(curve.n_risk >= least) & (time <= axis.until)]
    end = float(observed.max(initial=0.0))
    if end > rows[-1]["t"]:
        rows.append({**rows[-1], "t": round(end, 6)})
    return rows


def _x(axis: Axis) -> Spec:
    title = axis.unit.value.capitalize() if axis.titled else None
    return {
        "field": "t",
        "type": "quantitative",
        "scale": {"domain": [0, axis.until], "nice": False},
        "axis": {"values": list(axis.ticks), "title": title, "format": ",~f"},
    }


def _y(field: str, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {
            "values": [0, 0.25, 0.5, 0.75, 1],
            "format": ".0%",
            "title": title or None,
            "grid": True,
        },
    }


def _band(points: list[Document], color: str, axis: Axis, title: str) -> Spec:
    return {
        "data": {"values": points},
        "mark": {"type": "area", "interpolate": "step-after", "color": color, "opacity": 0.14},
        "encoding": {"x": _x(axis), "y": _y("lo", title), "y2": {"field": "hi"}},
    }


def _line(
    points: list[Document],
    axis: Axis,
    color: str,
    dash: list[int],
    thickness: float = 2.0,
    title: str = "",
) -> Spec:
    mark = {
        "type": "line",
        "interpolate": "step-after",
        "color": color,
        "strokeWidth": thickness,
        "strokeDash": dash,
    }
    return {
        "data": {"values": points},
        "mark": mark,
        "encoding": {"x": _x(axis), "y": _y("s", title)},
    }


def _ticks(
    curve: survival.Curve,
    axis: Axis,
    least: int,
    width: int,
    color: str,
    size: int = 8,
    title: str = "",
) -> Spec:
    """A short stroke where somebody's observation ends, at most one per two pixels."""
    time = curve.times / axis.unit.days
    kept = (curve.n_censored > 0) & (curve.n_risk >= least) & (time <= axis.until)
    _, first = np.unique(np.floor(time[kept] / axis.until * width / 2), return_index=True)
    rows = [
        {"t": round(float(time[i]), 6), "s": round(float(curve.survival[i]), 6)}
        for i in np.flatnonzero(kept)[first]
    ]
    return {
        "data": {"values": rows},
        "mark": {
            "type": "tick",
            "orient": "vertical",
            "color": color,
            "size": size,
            "thickness": 1,
        },
        "encoding": {"x": _x(axis), "y": _y("s", title)},
    }


def _numbers_at_risk(curve: survival.Curve, axis: Axis, least: int, y: float) -> Spec:
    counts = [at_risk(curve, tick * axis.unit.days) for tick in axis.ticks]
    rows = [
        {"t": tick, "n": f"<{least}" if 0 < n < least else f"{n:,}"}
        for tick, n in zip(axis.ticks, counts, strict=True)
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "text", "color": INK, "fontSize": 12},
        "encoding": {
            "x": _x(axis),
            "y": {"value": y},
            "text": {"field": "n", "type": "nominal"},
        },
    }


def _sample(x: float, y: float, color: str, dash: list[int]) -> Spec:
    """A piece of a curve's line, beside its name."""
    return {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": color, "strokeWidth": 2.5, "strokeDash": dash},
        "encoding": {
            "x": {"value": x},
            "x2": {"value": x + 24},
            "y": {"value": y},
            "y2": {"value": y},
        },
    }


def _text(
    data: list[Document], text: str, x: float, y: float, *, align: str = "left", **style: str
) -> Spec:
    mark = {"type": "text", "align": align, "color": INK, "fontSize": 12, "text": text}
    weight = {"fontWeight": style["weight"]} if "weight" in style else {}
    return {
        "data": {"values": data},
        "mark": mark | weight | ({"color": style["color"]} if "color" in style else {}),
        "encoding": {"x": {"value": x}, "y": {"value": y}},
    }


# ── Rows of intervals ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate with its interval and the two texts printed beside it."""

    label: str
    value: float | None
    lower: float | None
    upper: float | None
    words: tuple[str, str]


_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_FINE_RATIOS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0)


def _rows(rows: Sequence[Row], headings: tuple[str, str], *, logarithmic: bool) -> Spec:
    """Points with intervals, one row each: names to the left, numbers to the right."""
    width, step = 300, 30
    height = step * len(rows)
    left = -16 - 6.4 * max(len(row.label) for row in rows)
    x = _ratio_scale(rows) if logarithmic else _share_scale()
    data = [
        {"v": r.value, "lo": r.lower, "hi": r.upper, "y": i + 0.5}
        for i, r in enumerate(rows)
        if None not in (r.value, r.lower, r.upper)
    ]
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, len(rows)], "reverse": True, "nice": False},
        "axis": None,
    }
    layers = [_rule_at(1.0, x)] if logarithmic else []
    layers += [
        {
            "data": {"values": data},
            "mark": {"type": "rule", "color": SERIES[0], "strokeWidth": 2, "clip": True},
            "encoding": {"x": {"field": "lo", **x}, "x2": {"field": "hi"}, "y": y},
        },
        {
            "data": {"values": data},
            "mark": {
                "type": "point",
                "shape": "square" if logarithmic else "circle",
                "filled": True,
                "opacity": 1,
                "color": SERIES[0],
                "size": 75,
                "clip": True,
            },
            "encoding": {"x": {"field": "v", **x}, "y": y},
        },
        _text([{}], headings[0], width + 22, -10, weight="bold"),
        _text([{}], headings[1], width + 220, -10, align="right", weight="bold"),
    ]
    for i, row in enumerate(rows):
        middle = step * (i + 0.5)
        layers += [
            _text([{}], row.label, left, middle),
            _text([{}], row.words[0], width + 22, middle),
            _text([{}], row.words[1], width + 220, middle, align="right"),
        ]
    return {"width": width, "height": height, "layer": layers}


def _ratio_scale(rows: Sequence[Row]) -> Spec:
    ends = [v for r in rows for v in (r.lower, r.upper) if v is not None and 0.005 < v < 200]
    low, high = min([0.8, *ends]) / 1.08, max([1.25, *ends]) * 1.08
    ticks = [t for t in (_FINE_RATIOS if high / low < 8 else _RATIOS) if low <= t <= high]
    return {
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {
            "values": ticks,
            "format": "~g",
            "title": "← lower hazard · hazard ratio · higher hazard →",
        },
    }


def _share_scale() -> Spec:
    return {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"values": [0, 0.25, 0.5, 0.75, 1], "format": ".0%", "title": None},
    }


def _rule_at(value: float, x: Spec) -> Spec:
    return {
        "data": {"values": [{"v": value}]},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [4, 3]},
        "encoding": {"x": {"field": "v", **x}},
    }


def _ratio_words(row: Document) -> str:
    limits = numerals.interval(numerals.ratio(row["lower"]), numerals.ratio(row["upper"]))
    return f"{numerals.ratio(row['hazard_ratio'])} ({limits})"


def _share_words(at: Document) -> str:
    return f"{numerals.share(at['survival'])} ({numerals.shares(at['lower'], at['upper'])})"


def _with_days(value: float | None) -> str:
    return f"{numerals.days(value)} days" if value is not None else numerals.NOT_REACHED


# ── Proportional hazards ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class Trend:
    """The time scale of a test of proportional hazards, at each death and for ticks."""

    at_deaths: Floats
    ticks: Mapping[str, float]


def _trend(found: ModelFound) -> Trend:
    """1 − Kaplan–Meier just before each death, which spreads deaths evenly."""
    curve = survival.kaplan_meier(found.fit.data.response).curves[0]
    before = np.concatenate([[1.0], curve.survival])
    at = np.asarray(1 - before[np.searchsorted(curve.times, found.residuals.times, side="left")])
    days = np.quantile(found.residuals.times, (0.1, 0.3, 0.5, 0.7, 0.9))
    places = 1 - before[np.searchsorted(curve.times, days, side="left")]
    return Trend(at, {f"{place:.5f}": float(day) for place, day in zip(places, days, strict=True)})


def _panel_of_effect(found: ModelFound, j: int, trend: Trend, unit: TimeUnit) -> Spec:
    scaled, level = found.residuals.scaled[:, j], float(found.fit.coefficients[j])
    variance = float(found.fit.covariance[j, j])
    smooth = _smooth(trend.at_deaths, scaled, variance)
    points = _stretches(trend.at_deaths, scaled)
    names = {place: _short(day / unit.days) for place, day in trend.ticks.items()}
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False},
        "axis": {
            "values": [float(place) for place in names],
            "labelExpr": f"{json.dumps(names)}[format(datum.value, '.5f')]",
            "title": unit.value.capitalize(),
        },
    }
    y = {"type": "quantitative", "scale": {"zero": False}, "axis": {"title": None, "tickCount": 4}}
    color = SERIES[0]
    return {
        "width": 205,
        "height": 120,
        "title": {"text": _wrapped(found.labels[j])},
        "layer": [
            {
                "data": {"values": smooth},
                "mark": {"type": "area", "color": color, "opacity": 0.15},
                "encoding": {"x": x, "y": {"field": "lo", **y}, "y2": {"field": "hi"}},
            },
            {
                "data": {"values": [{"v": level}]},
                "mark": {"type": "rule", "color": MUTED, "strokeDash": [4, 3]},
                "encoding": {"y": {"field": "v", **y}},
            },
            {
                "data": {"values": points},
                "mark": {
                    "type": "point",
                    "filled": True,
                    "color": MUTED,
                    "size": 14,
                    "opacity": 0.8,
                },
                "encoding": {"x": x, "y": {"field": "v", **y}},
            },
            {
                "data": {"values": smooth},
                "mark": {"type": "line", "color": color, "strokeWidth": 2},
                "encoding": {"x": x, "y": {"field": "v", **y}},
            },
        ],
    }


def _smooth(x: Floats, y: Floats, variance: float) -> list[Document]:
    """A natural cubic spline through the residuals, with a band of two standard errors."""
    knots = np.unique(np.quantile(x, np.linspace(0, 1, 5)))
    basis = natural_spline(x, knots)
    grid = np.linspace(x.min(), x.max(), 40)
    at = natural_spline(grid, knots)
    inverse = np.linalg.pinv(basis.T @ basis, hermitian=True)
    value = at @ (inverse @ (basis.T @ y))
    half = 1.96 * np.sqrt(np.maximum(variance * x.size * np.sum(at @ inverse * at, axis=1), 0.0))
    columns = {"x": grid, "v": value, "lo": value - half, "hi": value + half}
    return [
        {key: round(float(column[i]), 5) for key, column in columns.items()}
        for i in range(grid.size)
    ]


def natural_spline(x: Floats, knots: Floats) -> Floats:
    """The basis (n, k) of natural cubic splines with k knots, by truncated powers.

    Hastie T, Tibshirani R, Friedman J (2009) The Elements of Statistical Learning, section 5.2.1.

    >>> natural_spline(np.array([0.0, 1.0]), np.array([0.0, 1.0])).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """

    def part(k: int) -> Floats:
        cubes = np.maximum(x - knots[k], 0) ** 3 - np.maximum(x - knots[-1], 0) ** 3
        return np.asarray(cubes / (knots[-1] - knots[k]))

    bends = [part(k) - part(len(knots) - 2) for k in range(len(knots) - 2)]
    return np.column_stack([np.ones_like(x), x, *bends])


def _stretches(x: Floats, y: Floats, count: int = 20) -> list[Document]:
    """Means over stretches of as many deaths each."""
    parts = np.array_split(np.argsort(x, kind="stable"), min(count, max(x.size // 5, 1)))
    return [
        {"x": round(float(x[part].mean()), 5), "v": round(float(y[part].mean()), 5)}
        for part in parts
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _wrapped(text: str, width: int = 30) -> list[str]:
    """A title in lines that fit above a small panel."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# ── Drawing ───────────────────────────────────────────────────────────────────────────────────────


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
