"""How an effect moves over time: scaled Schoenfeld residuals, smoothed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from haemony.analysis import survival
from haemony.analysis.evidence import ModelFound
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.figures.drawing import (
    MUTED,
    SERIES,
    Sketch,
    Spec,
    short,
    wrapped,
)
from haemony.analysis.report.values import Document
from haemony.analysis.survival.data.arrays import Floats


def proportional_hazards(
    found: ModelFound, residuals: survival.Schoenfeld, result: Document, unit: TimeUnit
) -> Sketch:
    """How each log hazard ratio moves over time: a smooth line through the Schoenfeld residuals.

    The line is a natural cubic spline with four degrees of freedom and its 95% band. Points are
    means over twenty stretches of deaths, not single patients.
    """
    trend = _trend(found, residuals)
    panels = [_panel_of_effect(found, residuals, j, trend, unit) for j in range(len(found.labels))]
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


@dataclass(frozen=True, eq=False)
class Trend:
    """The time scale of a test of proportional hazards, at each death and for ticks."""

    at_deaths: Floats
    ticks: Mapping[str, float]


def _trend(found: ModelFound, residuals: survival.Schoenfeld) -> Trend:
    """1 − Kaplan–Meier just before each death, which spreads deaths evenly."""
    curve = survival.kaplan_meier(found.fit.data.response).curves[0]
    before = np.concatenate([[1.0], curve.survival])
    at = np.asarray(1 - before[np.searchsorted(curve.times, residuals.times, side="left")])
    days = np.quantile(residuals.times, (0.1, 0.3, 0.5, 0.7, 0.9))
    places = 1 - before[np.searchsorted(curve.times, days, side="left")]
    return Trend(at, {f"{place:.5f}": float(day) for place, day in zip(places, days, strict=True)})


def _panel_of_effect(
    found: ModelFound, residuals: survival.Schoenfeld, j: int, trend: Trend, unit: TimeUnit
) -> Spec:
    scaled, level = residuals.scaled[:, j], float(found.fit.coefficients[j])
    variance = float(found.fit.covariance[j, j])
    smooth = _smooth(trend.at_deaths, scaled, variance)
    points = _stretches(trend.at_deaths, scaled)
    names = {place: short(day / unit.days) for place, day in trend.ticks.items()}
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
        "title": {"text": wrapped(found.labels[j])},
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
