"""The numbers that a reader carries away from each analysis, for comparing a plan with a change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from haemony.analysis import survival
from haemony.analysis.evidence import Answers, Compared, CompetingFound, Effect, ModelFound

RATIO, MEDIAN, INCIDENCE, MEAN = "hazard ratio", "median, days", "incidence", "mean, days"

Headline = tuple[str, str, Effect]
"""The title of the analysis, the scale, and the number."""


def headlines(answers: Answers, days: float) -> Iterator[Headline]:
    """The main numbers of each analysis.

    Args:
        answers: what was found.
        days: days in one unit of the report's time.
    """
    for curves in answers.survival:
        yield from ((curves.block.title, MEDIAN, _median(curve)) for curve in curves.curves)
    for means in answers.means:
        yield from ((means.block.title, MEAN, effect) for effect in means.means)
    for found in answers.competing:
        yield from ((found.block.title, INCIDENCE, effect) for effect in _incidences(found, days))
    for model in answers.models:
        yield from ((model.block.title, RATIO, effect) for effect in _ratios(model))
    yield from _of_exposures(answers)
    for one in answers.weighted:
        yield from ((one.block.title, RATIO, pair.weighted.effects[0]) for pair in one.pairs)
    yield from ((part.block.title, RATIO, part.overall) for part in answers.subgroups)


def compare(planned: Answers, changed: Answers, days: float) -> tuple[Compared, ...]:
    """Every main number of a change beside the number of the plan."""
    others = {
        (title, scale, effect.label): effect for title, scale, effect in headlines(changed, days)
    }
    redone = {title for title, _, _ in others}
    return tuple(
        Compared(title, scale, effect, others.get((title, scale, effect.label)))
        for title, scale, effect in headlines(planned, days)
        if title in redone
    )


def _of_exposures(answers: Answers) -> Iterator[Headline]:
    for landmark in answers.landmarks:
        if landmark.model:
            yield landmark.block.title, RATIO, landmark.model.effects[0]
    for dependent in answers.time_dependent:
        yield dependent.block.title, RATIO, dependent.model.effects[0]


def _ratios(model: ModelFound) -> Iterator[Effect]:
    for label, row in zip(model.labels, model.fit.table().iter_rows(named=True), strict=True):
        limits = row["lower"], row["upper"], row["p"]
        yield Effect(label, row["hazard_ratio"], *limits, model.fit.n, model.fit.events)


def _median(curve: survival.Curve) -> Effect:
    found = curve.median
    return Effect(
        "Everybody" if curve.group == "all" else curve.group,
        _number(found.value),
        _number(found.lower),
        _number(found.upper),
        None,
        curve.n,
        int(curve.events),
    )


def _incidences(found: CompetingFound, days: float) -> Iterator[Effect]:
    """The incidence of the endpoint at the last time asked for, per group."""
    last = found.block.at[-1] if found.block.at else 0.0
    for curve in found.curves:
        at = int(np.searchsorted(curve.times, last * days, side="right")) - 1
        known = at >= 0 and (last * days <= curve.times[-1] or curve.survival[-1] == 0)
        label = f"{'Everybody' if curve.group == 'all' else curve.group}, at {last:g}"
        value, lower, upper = (
            float(line[at, 0]) if known else None
            for line in (curve.incidence, curve.lower, curve.upper)
        )
        events = int(curve.n_event[:, 0].sum())
        yield Effect(label, value, lower, upper, None, curve.n, events)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
