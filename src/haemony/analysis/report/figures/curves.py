"""Survival curves: one panel for few groups, small panels for many, numbers at risk below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from haemony.analysis import survival
from haemony.analysis.cells import HIDDEN, shown
from haemony.analysis.evidence import LandmarkFound, SurvivalFound
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.figures.drawing import (
    DASHES,
    HEIGHT,
    INK,
    MUTED,
    ROW,
    SERIES,
    WIDTH,
    Sketch,
    Spec,
    text_mark,
    with_days,
)
from haemony.analysis.report.values import Document, at_risk

TOGETHER = len(SERIES)


"""The most curves that share one panel; more get a small panel each."""


EVERYBODY = "Everybody"


STEPS = {
    TimeUnit.YEARS: (0.5, 1.0, 2.0, 3.0, 5.0, 10.0),
    TimeUnit.MONTHS: (3.0, 6.0, 12.0, 24.0, 36.0, 60.0, 120.0),
    TimeUnit.DAYS: (7.0, 30.0, 90.0, 180.0, 365.0, 730.0, 1826.0),
}


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
        ticks = ticks_to(until, unit, 8)
        return cls(unit, max(until, ticks[-1]), ticks)


def ticks_to(until: float, unit: TimeUnit, most: int) -> tuple[float, ...]:
    """Round times from 0 to an end or just beyond it, so many steps at most.

    >>> ticks_to(9, TimeUnit.YEARS, 8)
    (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    """
    longest = STEPS[unit][-1]
    far = longest * max(1.0, float(np.ceil(until / most / longest)))
    step = next((s for s in STEPS[unit] if until / s <= most), far)
    return tuple(step * i for i in range(int(np.ceil(until / step - 1e-9)) + 1))


def kaplan_meier(found: SurvivalFound, result: Document, unit: TimeUnit, least: int) -> Sketch:
    """Survival curves with confidence bands, censoring ticks and numbers at risk."""
    axis = Axis.of(found.everyone, unit, found.block.until, least)
    drawn = [
        (curve, group)
        for curve, group in zip(found.curves, result["groups"], strict=True)
        if curve.n >= least
    ]
    if len(drawn) <= TOGETHER:
        spec = _overlay(drawn, found.clock.label, axis, least)
        how = "Curves with 95% confidence bands and numbers at risk"
    else:
        spec = _panels(drawn, found.everyone, axis, least)
        how = "One panel per group, the dashed line is everybody"
    medians = "; ".join(
        f"{group['label']}: {numerals.count(group['n'])} patients, median "
        f"{with_days(group['median_days']['value'])}"
        for _, group in drawn
    )
    alt = f"Kaplan–Meier estimate of {found.clock.label.lower()}. {how}. {medians}."
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def from_landmark(found: LandmarkFound, result: Document, unit: TimeUnit, least: int) -> Sketch:
    """Survival from a landmark on, exposed and unexposed."""
    axis = Axis.of(found.everyone, unit, found.block.until, least)
    drawn = [
        (curve, group)
        for curve, group in zip(found.curves, result["groups"], strict=True)
        if curve.n >= least
    ]
    label = found.clock.label
    medians = "; ".join(
        f"{group['label']}: {numerals.count(group['n'])} patients, median "
        f"{with_days(group['median_days']['value'])}"
        for group in result["groups"]
    )
    alt = f"{label} from day {found.block.day:g} on, with 95% confidence bands. {medians}."
    spec = _overlay(drawn, label, axis, least)
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def _overlay(
    drawn: Sequence[tuple[survival.Curve, Document]], label: str, axis: Axis, least: int
) -> Spec:
    layers: list[Spec] = []
    for i, (curve, _) in enumerate(drawn):
        points = _points(curve, axis, least, WIDTH)
        color, dash = SERIES[i], DASHES[i]
        layers += [
            _band(points, color, axis, label),
            _line(points, axis, color, dash, title=label),
            _ticks(curve, axis, least, WIDTH, color, title=label),
        ]
    layers.append(text_mark([{}], "At risk", -58, HEIGHT + 62, align="right", weight="bold"))
    for i, (curve, group) in enumerate(drawn):
        y = HEIGHT + 62 + ROW * (i + 1)
        name = EVERYBODY if curve.group == "all" else curve.group
        layers += [
            text_mark([{}], name, -58, y, align="right"),
            _sample(-52, y, SERIES[i], DASHES[i]),
            _numbers_at_risk(curve, group, axis, least, y),
        ]
    if not drawn:
        layers.append(text_mark([{}], "Too few patients to draw", 0, HEIGHT / 2))
    longest = max((len(curve.group) for curve, _ in drawn), default=0)
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
        median = with_days(group["median_days"]["value"])
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
                    _numbers_at_risk(curve, group, sparse, least, height + 32),
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


def numbers_at_risk(
    curve: survival.Curve | survival.Incidence,
    group: Document,
    ticks: Sequence[float],
    unit: TimeUnit,
    least: int,
) -> list[Document]:
    """What stands below each tick; only dots where the group's size is hidden."""
    counts = [at_risk(curve, tick * unit.days) for tick in ticks]
    told = [
        numerals.count(shown(n, least) if isinstance(group["n"], int) else HIDDEN) for n in counts
    ]
    return [{"t": tick, "n": n} for tick, n in zip(ticks, told, strict=True)]


def _numbers_at_risk(
    curve: survival.Curve, group: Document, axis: Axis, least: int, y: float
) -> Spec:
    rows = numbers_at_risk(curve, group, axis.ticks, axis.unit, least)
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
