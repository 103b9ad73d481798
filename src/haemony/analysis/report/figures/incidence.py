"""Cumulative incidences of competing events: one panel per kind of event, one line per group."""

from __future__ import annotations

import numpy as np

from haemony.analysis import survival
from haemony.analysis.evidence import CompetingFound
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.figures.curves import TOGETHER, numbers_at_risk, ticks_to
from haemony.analysis.report.figures.drawing import (
    DASHES,
    INK,
    SERIES,
    Sketch,
    Spec,
    text_mark,
    wrapped,
)
from haemony.analysis.report.values import Document

_WIDTH, _HEIGHT, _ROW = 300, 230, 20


def incidence(found: CompetingFound, result: Document, unit: TimeUnit, least: int) -> Sketch | None:
    """Cumulative incidences with confidence bands and numbers at risk; None for many groups."""
    drawn = [
        (curve, group)
        for curve, group in zip(found.curves, result["groups"], strict=True)
        if curve.n >= least
    ]
    if not drawn or len(drawn) > TOGETHER:
        return None
    ticks = _ticks([curve for curve, _ in drawn], unit, found.block.until, least)
    top = _top([curve for curve, _ in drawn], ticks[-1] * unit.days, least)
    panels = [
        _panel(drawn, j, state, ticks, top, unit, least) for j, state in enumerate(result["states"])
    ]
    last = [
        f"{group['label']}: "
        + ", ".join(
            f"{state} {numerals.share(value['value'])}"
            for state, value in zip(result["states"], group["at"][-1]["states"], strict=True)
        )
        for _, group in drawn
        if group["at"]
    ]
    alt = f"Cumulative incidences with 95% confidence bands. At the last time {'; '.join(last)}."
    spec = {"hconcat": panels, "spacing": 60}
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def _ticks(
    curves: list[survival.Incidence], unit: TimeUnit, until: float, least: int
) -> tuple[float, ...]:
    """Where the axis has numbers, up to the time that the plan names or that many reach."""
    if not until:
        ends = [float(c.times[c.n_risk >= max(least, 0.05 * c.n)].max(initial=1.0)) for c in curves]
        until = max(ends) / unit.days
    return ticks_to(until, unit, 6)


def _panel(
    drawn: list[tuple[survival.Incidence, Document]],
    kind: int,
    state: str,
    ticks: tuple[float, ...],
    top: float,
    unit: TimeUnit,
    least: int,
) -> Spec:
    x = {
        "field": "t",
        "type": "quantitative",
        "scale": {"domain": [0, ticks[-1]], "nice": False},
        "axis": {"values": list(ticks), "title": unit.value.capitalize(), "format": ",~f"},
    }
    layers: list[Spec] = []
    for i, (curve, _) in enumerate(drawn):
        points = _points(curve, kind, ticks[-1], unit, least)
        layers += [
            {
                "data": {"values": points},
                "mark": {
                    "type": "area",
                    "interpolate": "step-after",
                    "color": SERIES[i],
                    "opacity": 0.14,
                },
                "encoding": {"x": x, "y": _y("lo", top), "y2": {"field": "hi"}},
            },
            {
                "data": {"values": points},
                "mark": {
                    "type": "line",
                    "interpolate": "step-after",
                    "color": SERIES[i],
                    "strokeWidth": 2,
                    "strokeDash": DASHES[i],
                },
                "encoding": {"x": x, "y": _y("v", top)},
            },
        ]
    if kind == 0:
        layers += _at_risk(drawn, ticks, unit, least, x)
    title = {"text": wrapped(state, 44)}
    return {"width": _WIDTH, "height": _HEIGHT, "layer": layers, "title": title}


def _at_risk(
    drawn: list[tuple[survival.Incidence, Document]],
    ticks: tuple[float, ...],
    unit: TimeUnit,
    least: int,
    x: Spec,
) -> list[Spec]:
    """Names and numbers at risk, below the first panel: they are those of every kind of event."""
    top = _HEIGHT + 60
    layers = [text_mark([{}], "At risk", -58, top, align="right", weight="bold")]
    for i, (curve, group) in enumerate(drawn):
        y = top + _ROW * (i + 1)
        name = "Everybody" if curve.group == "all" else curve.group
        rows = numbers_at_risk(curve, group, ticks, unit, least)
        layers += [
            text_mark([{}], name, -58, y, align="right"),
            {
                "data": {"values": [{}]},
                "mark": {
                    "type": "rule",
                    "color": SERIES[i],
                    "strokeWidth": 2.5,
                    "strokeDash": DASHES[i],
                },
                "encoding": {
                    "x": {"value": -52},
                    "x2": {"value": -28},
                    "y": {"value": y},
                    "y2": {"value": y},
                },
            },
            {
                "data": {"values": rows},
                "mark": {"type": "text", "color": INK, "fontSize": 12},
                "encoding": {
                    "x": x,
                    "y": {"value": y},
                    "text": {"field": "n", "type": "nominal"},
                },
            },
        ]
    return layers


def _points(
    curve: survival.Incidence, kind: int, until: float, unit: TimeUnit, least: int
) -> list[Document]:
    """The steps of an incidence while enough are at risk, no finer than half a pixel."""
    time = curve.times / unit.days
    kept = (curve.n_risk >= least) & (time <= until)
    pixel = np.floor(time / until * _WIDTH * 2)
    last = np.append(pixel[kept][1:] != pixel[kept][:-1], [True])[: int(kept.sum())]
    rows = [{"t": 0.0, "v": 0.0, "lo": 0.0, "hi": 0.0}]
    for i in np.flatnonzero(kept)[last]:
        value = curve.incidence[i, kind]
        limits = curve.lower[i, kind], curve.upper[i, kind]
        low, high = (limit if np.isfinite(limit) else value for limit in limits)
        row = {"t": time[i], "v": value, "lo": low, "hi": high}
        rows.append({key: round(float(number), 6) for key, number in row.items()})
    return rows


def _top(curves: list[survival.Incidence], until: float, least: int) -> float:
    """Where the vertical axis ends, the same in each panel: a quarter above every band."""
    highest = 0.0
    for curve in curves:
        drawn = curve.upper[(curve.times <= until) & (curve.n_risk >= least)]
        highest = max(highest, float(np.nanmax(drawn, initial=0.0)))
    return min(1.0, 0.25 * np.ceil(highest / 0.25 + 1e-9)) or 0.25


def _y(field: str, top: float) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, top]},
        "axis": {
            "values": [tick for tick in (0, 0.25, 0.5, 0.75, 1) if tick <= top],
            "format": ".0%",
            "title": None,
            "grid": True,
        },
    }
