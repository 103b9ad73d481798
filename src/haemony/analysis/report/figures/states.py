"""Where everybody is over time, stacked to one; and the drawing of a scheme with its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.cells import HIDDEN, Shown, shown
from haemony.analysis.multistate import Scheme
from haemony.analysis.protocol import TimeUnit
from haemony.analysis.report import numerals
from haemony.analysis.report.figures.curves import ticks_to
from haemony.analysis.report.figures.drawing import (
    HEIGHT,
    INK,
    MUTED,
    PANEL,
    SERIES,
    WIDTH,
    Sketch,
    Spec,
    text_mark,
    wrapped,
)
from haemony.analysis.report.values import ways
from haemony.analysis.survival.data.arrays import Floats

BOX = (150, 52)
COLUMN, LEVEL = 232, 168
LINE = 15


def stacked(
    table: pl.DataFrame,
    scheme: Scheme,
    unit: TimeUnit,
    name: str,
    *,
    until: float | None = None,
    title: str = "",
) -> Sketch:
    """The probabilities of all states as bands that fill the height, named at their right end.

    Args:
        table: of one group or one patient: time (days), state, probability, as the `table()` of a
            state occupation or of transition probabilities from one state gives it.
        scheme: the states; those that can be left are drawn below the others.
        unit: the unit of the time axis.
        name: the file's name.
        until: the end of the axis in that unit; by default the last time.
        title: what stands above.
    """
    states = (*scheme.transient, *scheme.absorbing)
    known = table.drop_nulls("probability")
    wide = known.pivot("state", index="time", values="probability").sort("time")
    last = float(wide["time"][-1]) / unit.days
    until = last if until is None else until
    ticks = [tick for tick in ticks_to(until, unit, 8) if tick <= until * (1 + 1e-9)]
    rows = _thinned(wide, unit, until)
    time = rows["time"].to_numpy() / unit.days
    heights = np.cumsum(rows.select(states).to_numpy(), axis=1)
    lower = np.column_stack([np.zeros(len(time)), heights[:, :-1]])
    end = min(last, until)
    layers = [
        _band(time, lower[:, i], heights[:, i], end, i, _axes(until, ticks, unit))
        for i in range(len(states))
    ]
    final = heights[-1] - lower[-1]
    shown = [i for i in range(len(states)) if final[i] >= 0.0005]
    places = _apart([HEIGHT * (1 - (heights[-1, i] + lower[-1, i]) / 2) for i in shown])
    for i, y in zip(shown, places, strict=True):
        layers += _label(states[i], final[i], WIDTH * end / until, y, i)
    said = "; ".join(f"{states[i]} {numerals.share(float(final[i]))}" for i in shown)
    alt = (
        f"{title or scheme.name.capitalize()}: probability of each state over time, stacked. "
        f"After {end:.3g} {unit.value}: {said}."
    )
    longest = max(len(state) for state in states)
    spec: Spec = {
        "width": WIDTH,
        "height": HEIGHT,
        "layer": layers,
        "padding": {"left": 8, "top": 8, "bottom": 8, "right": 20 + 8 * longest},
    }
    return Sketch(name, alt, {**spec, **({"title": title} if title else {})})


def diagram(scheme: Scheme, events: pl.DataFrame, name: str, *, least: int = 0) -> Sketch:
    """The states as boxes and the transitions as arrows, with the numbers who took them.

    Args:
        scheme: the states and the transitions.
        events: of `Histories.events()`: from, to, count, entered, proportion.
        name: the file's name.
        least: counts below this, other than 0, are not told, nor what would give them back.
    """
    places = _places(scheme)
    told = ways(events, least)
    shut = {state for way, n in told.items() if isinstance(n, str) for state in way}
    shut -= {arrow.origin for arrow in scheme.transitions} - {a.target for a in scheme.transitions}
    entered = dict(events.select("from", "entered").unique().rows())
    taken = {
        (a, b): (told[a, b], _part(told[a, b], None if a in shut else share))
        for a, b, share in events.select("from", "to", "proportion").rows()
        if b is not None
    }
    width = max(x for x, _ in places.values()) + BOX[0] / 2 + 8
    top = min(_bow(scheme, places, arrow.origin, arrow.target) for arrow in scheme.transitions)
    shift = max(0.0, 14 - top)
    height = max(y for _, y in places.values()) + BOX[1] / 2 + 8 + shift
    placed = {state: (x, y + shift) for state, (x, y) in places.items()}
    frame = _Frame(width, height)
    layers: list[Spec] = []
    words: list[Spec] = []
    for arrow in scheme.transitions:
        count, part = taken[arrow.origin, arrow.target]
        route = _route(scheme, placed, arrow.origin, arrow.target)
        layers += _arrow(route, frame)
        words += _tag(route, f"{numerals.count(count)} ({part})", frame)
    boxes = [
        mark
        for i, state in enumerate((*scheme.transient, *scheme.absorbing))
        for mark in _box(
            state, _entered(entered[state], state in shut, least), placed[state], i, frame
        )
    ]
    said = "; ".join(
        f"{arrow.origin} to {arrow.target} {numerals.count(taken[arrow.origin, arrow.target][0])}"
        for arrow in scheme.transitions
    )
    alt = f"States and transitions of {scheme.name}, with numbers of patients. {said}."
    spec: Spec = {"width": width, "height": height, "layer": [*layers, *words, *boxes]}
    return Sketch(name, alt, spec)


def _thinned(wide: pl.DataFrame, unit: TimeUnit, until: float) -> pl.DataFrame:
    """The steps until the end of the axis, no finer than half a pixel."""
    inside = wide.filter(pl.col("time") <= until * unit.days)
    pixel = (pl.col("time") / unit.days / until * WIDTH * 2).floor()
    return inside.with_columns(pixel.alias("(pixel)")).unique(
        "(pixel)", keep="last", maintain_order=True
    )


def _axes(until: float, ticks: Sequence[float], unit: TimeUnit) -> Mapping[str, Spec]:
    return {
        "x": {
            "field": "t",
            "type": "quantitative",
            "scale": {"domain": [0, until], "nice": False},
            "axis": {"values": list(ticks), "title": unit.value.capitalize(), "format": ",~f"},
        },
        "y": {
            "field": "lo",
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "axis": {"values": [0, 0.25, 0.5, 0.75, 1], "format": ".0%", "title": "Patients"},
        },
        "y2": {"field": "hi"},
    }


def _paint(i: int) -> Mapping[str, object]:
    """The colour of the i-th band; after six the colours return, paler."""
    return {"color": SERIES[i % len(SERIES)], "opacity": 0.85 if i < len(SERIES) else 0.45}


def _band(
    time: Floats,
    lower: Floats,
    upper: Floats,
    end: float,
    i: int,
    axes: Mapping[str, Spec],
) -> Spec:
    rows = [
        {"t": round(float(t), 6), "lo": round(float(a), 6), "hi": round(float(b), 6)}
        for t, a, b in zip(time, lower, upper, strict=True)
    ]
    if end > rows[-1]["t"]:
        rows.append({**rows[-1], "t": round(end, 6)})
    mark = {
        "type": "area",
        "interpolate": "step-after",
        "stroke": PANEL,
        "strokeWidth": 0.8,
        "clip": True,
        **_paint(i),
    }
    return {"data": {"values": rows}, "mark": mark, "encoding": dict(axes)}


def _label(state: str, share: float, x: float, y: float, i: int) -> list[Spec]:
    """A sample of the colour, the state and its share, beside the end of its band."""
    sample = {
        "data": {"values": [{}]},
        "mark": {"type": "square", "filled": True, "size": 90, **_paint(i)},
        "encoding": {"x": {"value": x + 14}, "y": {"value": y}},
    }
    return [sample, text_mark([{}], f"{state} {numerals.share(share)}", x + 24, y)]


def _apart(wanted: Sequence[float]) -> list[float]:
    """Heights from bottom to top at least a line apart, as near as may be to those wanted."""
    places = list(wanted)
    for _ in range(200):
        moved = False
        for below in range(len(places) - 1):
            lacking = LINE + 2 - (places[below] - places[below + 1])
            if lacking > 0.01:
                places[below] += lacking / 2
                places[below + 1] -= lacking / 2
                moved = True
        if not moved:
            break
    return places


def _entered(count: int, shut: bool, least: int) -> str:
    told = shown(count, least)
    return numerals.count(HIDDEN if shut and isinstance(told, int) else told)


def _part(count: Shown, proportion: float | None) -> str:
    return "–" if isinstance(count, str) else numerals.share(proportion)


def _places(scheme: Scheme) -> dict[str, tuple[float, float]]:
    """The middle of each box: states that can be left in a row, the others below them."""
    row = {state: i for i, state in enumerate(scheme.transient)}
    above = {
        end: float(np.mean([row[a.origin] for a in scheme.transitions if a.target == end]))
        for end in scheme.absorbing
    }
    order = sorted(scheme.absorbing, key=lambda end: above[end])
    column: dict[str, float] = {}
    for before, end in zip([None, *order], order, strict=False):
        column[end] = above[end] if before is None else max(above[end], column[before] + 0.8)
    left = BOX[0] / 2 + 8
    first = BOX[1] / 2 + 14
    places = {state: (left + COLUMN * i, first) for state, i in row.items()}
    return places | {end: (left + COLUMN * column[end], first + LEVEL) for end in order}


@dataclass(frozen=True, slots=True)
class _Frame:
    """The drawing's size, so that places are given in pixels."""

    width: float
    height: float

    def at(self, x: str = "x", y: str = "y") -> dict[str, Spec]:
        """Channels that read places from the fields named."""
        return {
            "x": {
                "field": x,
                "type": "quantitative",
                "scale": {"domain": [0, self.width], "nice": False},
                "axis": None,
            },
            "y": {
                "field": y,
                "type": "quantitative",
                "scale": {"domain": [0, self.height], "nice": False, "reverse": True},
                "axis": None,
            },
        }


Points = list[tuple[float, float]]


def _bow(scheme: Scheme, places: Mapping[str, tuple[float, float]], a: str, b: str) -> float:
    """The highest point of an arrow."""
    return min(y for _, y in _route(scheme, places, a, b))


def _route(
    scheme: Scheme, places: Mapping[str, tuple[float, float]], origin: str, target: str
) -> Points:
    """The points of an arrow: straight to a neighbour and down to an end, else in a bow."""
    (ax, ay), (bx, by) = places[origin], places[target]
    half_width, half_height = BOX[0] / 2, BOX[1] / 2
    if ay != by:
        lean = float(np.clip((bx - ax) / COLUMN, -1, 1)) * half_width * 0.55
        return [(ax + lean, ay + half_height), (bx - lean, by - half_height)]
    steps = (bx - ax) / COLUMN
    both = any(t.origin == target and t.target == origin for t in scheme.transitions)
    if steps == 1:
        y = ay - (9 if both else 0)
        return [(ax + half_width, y), (bx - half_width, y)]
    if steps == -1:
        return [(ax - half_width, ay + 9), (bx + half_width, ay + 9)]
    high = ay - half_height - 26 * abs(steps)
    near = float(np.sign(steps)) * half_width * 0.35
    return [
        (ax + near, ay - half_height),
        (ax + near * 2, high),
        (bx - near * 2, high),
        (bx - near, by - half_height),
    ]


def _arrow(route: Points, frame: _Frame) -> list[Spec]:
    (px, py), (qx, qy) = route[-2:]
    turn = float(np.degrees(np.arctan2(qx - px, py - qy)))
    back = 5 / max(float(np.hypot(qx - px, qy - py)), 1.0)
    head = {"x": qx - back * (qx - px), "y": qy - back * (qy - py)}
    path = [{"x": x, "y": y, "i": i} for i, (x, y) in enumerate(route)]
    line = {"type": "line", "color": MUTED, "strokeWidth": 1.6, "interpolate": "basis"}
    return [
        {
            "data": {"values": path},
            "mark": line,
            "encoding": {**frame.at(), "order": {"field": "i", "type": "quantitative"}},
        },
        {
            "data": {"values": [head]},
            "mark": {
                "type": "point",
                "shape": "triangle-up",
                "filled": True,
                "opacity": 1,
                "color": MUTED,
                "size": 70,
                "angle": turn,
            },
            "encoding": frame.at(),
        },
    ]


def _tag(route: Points, text: str, frame: _Frame) -> list[Spec]:
    """Numbers in the middle of an arrow, on a piece of background."""
    (ax, ay), (bx, by) = route[0], route[-1]
    level = ay == by
    if len(route) > 2:
        return _words([text], (ax + bx) / 2, 0.75 * route[1][1] + 0.25 * ay, frame)
    if not level:
        return _words([text], (ax + bx) / 2, (ay + by) / 2, frame)
    aside = 21.5 if bx < ax else -21.5
    return _words(text.split(" ", 1), (ax + bx) / 2, ay + aside, frame)


def _words(lines: Sequence[str], x: float, y: float, frame: _Frame) -> list[Spec]:
    """Lines of text around a place, on a piece of background."""
    half, tall = 3.6 * max(map(len, lines)) + 3, LINE * len(lines) / 2
    panel = {"x": x - half, "x2": x + half, "y": y - tall, "y2": y + tall}
    first = y - LINE * (len(lines) - 1) / 2
    return [
        _rectangle(panel, frame, {"color": PANEL, "opacity": 1}),
        *(
            text_mark([{}], line, x, first + LINE * i, align="center")
            for i, line in enumerate(lines)
        ),
    ]


def _box(state: str, count: str, place: tuple[float, float], i: int, frame: _Frame) -> list[Spec]:
    x, y = place
    lines = [*wrapped(state[0].upper() + state[1:], 22), count]
    panel = {
        "x": x - BOX[0] / 2,
        "x2": x + BOX[0] / 2,
        "y": y - BOX[1] / 2,
        "y2": y + BOX[1] / 2,
    }
    style = {"fill": PANEL, "stroke": SERIES[i % len(SERIES)], "strokeWidth": 2, "cornerRadius": 6}
    middle = (len(lines) - 1) / 2
    return [
        _rectangle(panel, frame, style),
        *(
            text_mark([{}], line, x, y + (LINE + 1) * (j - middle), align="center", color=INK)
            for j, line in enumerate(lines)
        ),
    ]


def _rectangle(panel: Mapping[str, float], frame: _Frame, style: Mapping[str, object]) -> Spec:
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    return {
        "data": {"values": [dict(panel)]},
        "mark": {"type": "rect", **style},
        "encoding": {**frame.at(), **ends},
    }
