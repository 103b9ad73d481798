"""How good predictions are, in pictures: ROC curves, calibration and decision curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from haemony.analysis.prediction import (
    TREAT_ALL,
    TREAT_NONE,
    Auc,
    CalibrationAt,
    DecisionCurve,
    Roc,
)
from haemony.analysis.report.figures.drawing import (
    DASHES,
    MUTED,
    PANEL,
    SERIES,
    Sketch,
    Spec,
    text_mark,
)
from haemony.analysis.survival.data.arrays import Floats

SIDE, STRIP, PITCH, POINTS = 340, 0.12, 20, 200


def roc_curves(curves: Sequence[Roc], name: str, *, areas: Auc | None = None) -> Sketch:
    """ROC curves of models at one horizon, with the areas under them.

    Args:
        curves: of one horizon, at most six.
        name: of the file.
        areas: adds confidence limits to the areas.
    """
    layers: list[Spec] = [_diagonal(("1 − specificity", "Sensitivity"))]
    words = []
    for i, curve in enumerate(curves):
        x, y = _thinned(curve.one_minus_specificity, curve.sensitivity)
        layers.append(_line({"x": x, "y": y}, i, ("1 − specificity", "Sensitivity")))
        words.append(f"{curve.model}: {_area_words(curve, areas)}")
    layers += _keys(words, SIDE - 12 - PITCH * len(words), x=SIDE * 0.36)
    alt = f"ROC curves at {curves[0].time:g}. Areas under them: {'; '.join(words)}."
    return Sketch(name, alt, {"width": SIDE, "height": SIDE, "layer": layers})


def calibration_plot(parts: Sequence[CalibrationAt], name: str, *, least: int = 1) -> Sketch:
    """Observed against predicted risks of models at one horizon, one panel per model.

    Each panel has a smooth curve with its band, groups with their limits, and below the spread of
    the predictions.

    Args:
        parts: of one horizon.
        name: of the file.
        least: groups, and strokes of the spread, of fewer patients are not drawn.
    """
    panels = [_calibration_panel(part, least) for part in parts]
    said = "; ".join(f"{part.model}: {_calibration_words(part)}" for part in parts)
    alt = (
        f"Observed against predicted risk at {parts[0].time:g}; on the diagonal they agree. {said}."
    )
    spec = {"concat": panels, "columns": 2, "spacing": {"row": 40, "column": 44}}
    return Sketch(name, alt, spec)


def decision_curves(
    found: DecisionCurve, name: str, *, time: float | None = None, until: float | None = None
) -> Sketch:
    """Net benefit against the risk at which one would act, for models and for treating all or none.

    Args:
        found: the curves.
        name: of the file.
        time: the horizon; the first by default.
        until: the largest threshold; where hardly any benefit is left by default.
    """
    horizon = float(found.times[0] if time is None else time)
    table = found.table().filter(pl.col("time") == horizon)
    end = until or _useful(table)
    table = table.filter(pl.col("threshold") <= end, pl.col("net_benefit").is_not_null())
    top = float(table["net_benefit"].to_numpy().max(initial=0.0)) or 0.1
    x = _scale("Risk at which one would act", [0, end], percent=True)
    y = _scale("Net benefit", [-top / 5, top * 1.05], percent=False)
    layers: list[Spec] = []
    order = [*found.strategies[2:], TREAT_ALL, TREAT_NONE]
    for i, strategy in enumerate(order):
        mine = table.filter(pl.col("strategy") == strategy)
        rows = _rounded(mine.rename({"threshold": "x", "net_benefit": "y"}))
        if i < len(order) - 2:
            layers.append(_band(rows, i, x, y))
        layers.append(_stroke(rows, i, x, y))
    wide = 500
    layers += _keys(order, 12, x=wide - 130)
    best = "; ".join(
        f"{strategy} {_benefit_at(table, strategy, end / 2)}" for strategy in order[:-1]
    )
    alt = (
        f"Decision curves at {horizon:g}: net benefit against the risk at which one would act, "
        f"with bootstrap bands. Net benefit near {end / 2:.0%}: {best}."
    )
    return Sketch(name, alt, {"width": wide, "height": 320, "layer": layers})


def _area_words(curve: Roc, areas: Auc | None) -> str:
    if areas is None:
        return f"{curve.area:.3f}"
    row = areas.table().filter(pl.col("model") == curve.model, pl.col("time") == curve.time)
    return f"{curve.area:.3f} ({row['lower'].item():.3f} to {row['upper'].item():.3f})"


def _calibration_panel(part: CalibrationAt, least: int) -> Spec:
    titles = ("Predicted risk", "Observed risk")
    groups = part.groups.drop_nulls().filter(pl.col("n") >= least)
    groups = groups.rename({"predicted": "x", "observed": "y"})
    rows = _rounded(groups.select("x", "y", "lower", "upper"))
    x, y = _share(titles[0]), _share(titles[1])
    layers: list[Spec] = [_diagonal(titles)]
    if part.smooth is not None:
        smooth = pl.DataFrame(
            {
                "x": part.smooth.predicted,
                "y": part.smooth.observed,
                "lower": part.smooth.lower,
                "upper": part.smooth.upper,
            }
        ).fill_nan(None)
        curve = _rounded(smooth.drop_nulls())
        layers += [_band(curve, 0, x, y), _stroke(curve, 0, x, y)]
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "color": SERIES[0], "strokeWidth": 1.5},
            "encoding": {
                "x": {"field": "x", **x},
                "y": {"field": "lower", **y},
                "y2": {"field": "upper"},
            },
        },
        {
            "data": {"values": rows},
            "mark": {
                "type": "point",
                "filled": True,
                "color": SERIES[0],
                "stroke": PANEL,
                "size": 60,
                "opacity": 1,
            },
            "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}},
        },
        _spread(part.predicted, least),
    ]
    for i, words in enumerate(_calibration_words(part).split(", ")):
        layers.append(text_mark([{}], words, 10, 14 + 17 * i))
    return {
        "width": SIDE * 0.85,
        "height": SIDE * 0.85,
        "title": {"text": part.model},
        "layer": layers,
    }


def _calibration_words(part: CalibrationAt) -> str:
    values = dict(part.measures.select("measure", "value").iter_rows())
    named = {"observed/expected": "O/E", "slope": "slope", "ICI": "ICI"}
    return ", ".join(
        f"{short} {values[measure]:.2f}" if short != "ICI" else f"{short} {values[measure]:.3f}"
        for measure, short in named.items()
        if values.get(measure) is not None
    )


def _spread(predicted: Floats, least: int) -> Spec:
    """How many patients have each predicted risk: strokes on the axis, the longest STRIP high."""
    counts, edges = np.histogram(predicted, bins=50, range=(0, 1))
    rows = [
        {"x": round(float(middle), 4), "y": 0, "h": round(float(count / counts.max()) * STRIP, 4)}
        for middle, count in zip((edges[:-1] + edges[1:]) / 2, counts, strict=True)
        if count >= max(least, 1)
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "rule", "color": MUTED, "strokeWidth": 2, "opacity": 0.55},
        "encoding": {
            "x": {"field": "x", **_share("Predicted risk")},
            "y": {"field": "y", **_share("Observed risk")},
            "y2": {"field": "h"},
        },
    }


def _useful(table: pl.DataFrame) -> float:
    """The largest threshold at which some model still has a hundredth of the most, in tenths."""
    models = table.filter(~pl.col("strategy").is_in([TREAT_ALL, TREAT_NONE]))
    worth = 0.01 * pl.col("net_benefit").max()
    helped = models.filter(pl.col("net_benefit") > worth)["threshold"]
    last = float(helped.to_numpy().max(initial=0.0)) or 0.5
    return min(1.0, float(np.ceil(last * 10 + 1e-9)) / 10)


def _benefit_at(table: pl.DataFrame, strategy: str, threshold: float) -> str:
    mine = table.filter(pl.col("strategy") == strategy)
    if mine.is_empty():
        return "unknown"
    near = mine.sort((pl.col("threshold") - threshold).abs()).row(0, named=True)
    return f"{near['net_benefit']:.3f}"


def _diagonal(titles: tuple[str, str]) -> Spec:
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "color": MUTED, "strokeWidth": 1, "strokeDash": [4, 3]},
        "encoding": {
            "x": {"field": "x", **_share(titles[0])},
            "y": {"field": "y", **_share(titles[1])},
        },
    }


def _line(columns: dict[str, Floats], i: int, titles: tuple[str, str]) -> Spec:
    return _stroke(_rounded(pl.DataFrame(columns)), i, _share(titles[0]), _share(titles[1]))


def _stroke(rows: list[Spec], i: int, x: Spec, y: Spec) -> Spec:
    return {
        "data": {"values": rows},
        "mark": {
            "type": "line",
            "color": SERIES[i % len(SERIES)],
            "strokeWidth": 2,
            "strokeDash": DASHES[i % len(DASHES)],
            "clip": True,
        },
        "encoding": {"x": {"field": "x", **x}, "y": {"field": "y", **y}, "order": {"field": "i"}},
    }


def _band(rows: list[Spec], i: int, x: Spec, y: Spec) -> Spec:
    return {
        "data": {"values": [row for row in rows if row.get("lower") is not None]},
        "mark": {
            "type": "area",
            "color": SERIES[i % len(SERIES)],
            "opacity": 0.14,
            "clip": True,
        },
        "encoding": {
            "x": {"field": "x", **x},
            "y": {"field": "lower", **y},
            "y2": {"field": "upper"},
        },
    }


def _keys(names: Sequence[str], top: float, *, x: float) -> list[Spec]:
    """The names of lines, each beside a piece of its line."""
    layers: list[Spec] = []
    for i, words in enumerate(names):
        y = top + PITCH * i
        mark = {
            "type": "rule",
            "color": SERIES[i % len(SERIES)],
            "strokeWidth": 2.5,
            "strokeDash": DASHES[i % len(DASHES)],
        }
        ends = {"x": x, "x2": x + 26, "y": y, "y2": y}
        places = {channel: {"value": value} for channel, value in ends.items()}
        layers.append({"data": {"values": [{}]}, "mark": mark, "encoding": places})
        layers.append(text_mark([{}], words, x + 34, y))
    return layers


def _share(title: str) -> Spec:
    return _scale(title, [0, 1], percent=True)


def _scale(title: str, domain: list[float], *, percent: bool) -> Spec:
    axis: dict[str, Any] = {"title": title, "grid": not percent}
    if percent:
        axis |= {"format": ".0%", "tickCount": 5}
    return {
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False},
        "axis": axis,
    }


def _rounded(table: pl.DataFrame) -> list[Spec]:
    """Rows for drawing, numbered in their order."""
    numbers = table.select(pl.col(pl.Float64).round(5))
    return numbers.with_row_index("i").to_dicts()


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most some hundred points of a curve, its ends among them."""
    if len(x) <= POINTS:
        return x, y
    chosen = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(np.intp))
    return x[chosen], y[chosen]
