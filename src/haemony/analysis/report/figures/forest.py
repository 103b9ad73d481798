"""Rows of estimates with intervals: hazard ratios, and survival of many groups at one time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.figures.drawing import (
    SERIES,
    Sketch,
    Spec,
    rule_mark,
    text_mark,
)
from haemony.analysis.report.values import Document


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


def subgroups(result: Document) -> Sketch:
    """An effect in everybody and in each subgroup, with the test of each interaction."""
    rows = [_effect_row(result["overall"], strong=True)]
    for part in result["parts"]:
        p = numerals.p(part["interaction"]["p"]) if part["interaction"] else "–"
        rows.append(Row(part["label"], None, None, None, ("", p), strong=True))
        rows += [replace(_effect_row(effect), indent=14) for effect in part["effects"]]
    spec = _rows(rows, ("Hazard ratio (95% CI)", "Interaction p"), logarithmic=True, room=40)
    said = "; ".join(f"{row.label.strip()} {row.words[0]}" for row in rows if row.words[0])
    alt = f"Forest plot of the effect of {result['effect_label']} within subgroups. {said}."
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def exposures(result: Document) -> Sketch:
    """The hazard ratio of an exposure, counted from its day on and counted naively."""
    pairs = ((result["model"], "From its day on"), (result["naive"], "Naive: from the origin on"))
    rows = [
        replace(_effect_row(model["effects"][0]), label=label, words=_effect_words(model, "p"))
        for model, label in pairs
    ]
    spec = _rows(rows, ("Hazard ratio (95% CI)", "p"), logarithmic=True)
    said = "; ".join(f"{row.label} {row.words[0]}" for row in rows)
    alt = f"Hazard ratio of the exposure in two analyses. {said}."
    return Sketch(result["figure"].removeprefix("figures/"), alt, spec)


def _effect_row(effect: Document, *, strong: bool = False) -> Row:
    told = _ratio_of(effect) if effect["value"] is not None else effect["note"] or "too few"
    return Row(
        effect["label"], effect["value"], effect["lower"], effect["upper"], (told, ""), strong
    )


def _effect_words(model: Document, key: str) -> tuple[str, str]:
    effect = model["effects"][0]
    return _ratio_of(effect), numerals.p(effect[key])


def _ratio_of(effect: Document) -> str:
    limits = numerals.interval(numerals.ratio(effect["lower"]), numerals.ratio(effect["upper"]))
    return f"{numerals.ratio(effect['value'])} ({limits})"


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate with its interval and the two texts printed beside it; strong is bold."""

    label: str
    value: float | None
    lower: float | None
    upper: float | None
    words: tuple[str, str]
    strong: bool = False
    indent: int = 0


_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


_FINE_RATIOS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0)


def _rows(
    rows: Sequence[Row], headings: tuple[str, str], *, logarithmic: bool, room: int = 0
) -> Spec:
    """Points with intervals, one row each: names to the left, numbers to the right."""
    width, step = 300, 30
    height = step * len(rows)
    left = -16 - 6.4 * max((len(row.label) for row in rows), default=0)
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
    layers = [rule_mark(1.0, x)] if logarithmic else []
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
        text_mark([{}], headings[0], width + 22, -10, weight="bold"),
        text_mark([{}], headings[1], width + 220 + room, -10, align="right", weight="bold"),
    ]
    for i, row in enumerate(rows):
        middle = step * (i + 0.5)
        layers += [
            text_mark(
                [{}],
                row.label,
                left + row.indent,
                middle,
                **({"weight": "bold"} if row.strong else {}),
            ),
            text_mark([{}], row.words[0], width + 22, middle),
            text_mark([{}], row.words[1], width + 220 + room, middle, align="right"),
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


def _ratio_words(row: Document) -> str:
    limits = numerals.interval(numerals.ratio(row["lower"]), numerals.ratio(row["upper"]))
    return f"{numerals.ratio(row['hazard_ratio'])} ({limits})"


def _share_words(at: Document) -> str:
    return f"{numerals.share(at['survival'])} ({numerals.shares(at['lower'], at['upper'])})"
