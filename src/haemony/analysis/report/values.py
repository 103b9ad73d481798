"""Small pieces of `results.json` that several parts of it share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from haemony.analysis import survival, wording
from haemony.analysis.cells import HIDDEN, Shown, shown, shown_row, shown_sums
from haemony.analysis.cohorts import Cohort
from haemony.analysis.survival.regression.cox import ChiSquared
from haemony.model.element import Catalogue

Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Words:
    """What columns are called.

    Attributes:
        catalogue: the elements.
        endpoints: label of each endpoint by its name.
    """

    catalogue: Catalogue
    endpoints: Mapping[str, str]

    def label(self, name: str) -> str:
        """A column as people read it."""
        if name in self.catalogue:
            return self.catalogue[name].label
        end, _, part = name.rpartition("_")
        if end not in self.endpoints:
            return name
        return f"{self.endpoints[end]}, {'status' if part == 'event' else 'time'}"

    def note(self, text: str) -> str:
        """A note that begins with the name of an element, with its label."""
        name, colon, rest = text.partition(": ")
        return f"{self.catalogue[name].label}: {rest}" if colon and name in self.catalogue else text

    def absence(self, name: str) -> str:
        """What it means when a column has no value."""
        return wording.absence(self.catalogue[name]) if name in self.catalogue else "missing"


NOTHING: Mapping[str, None] = {"value": None, "lower": None, "upper": None}
"""An estimate that is not given."""


def number(value: float | None) -> float | None:
    """A number with ten significant digits, or null where it is undefined or infinite.

    >>> number(0.1 + 0.2), number(float("nan"))
    (0.3, None)
    """
    known = value is not None and math.isfinite(value)
    return float(f"{value:.10g}") if known else None


def estimate(found: survival.Estimate) -> Document:
    """A value with its limits."""
    return {key: number(value) for key, value in asdict(found).items()}


def cohort_of(cohort: Cohort, least: int) -> Document:
    """Who was studied, criterion by criterion."""
    not_met = shown_row([step.not_met for step in cohort.steps], least)
    hidden = [i for i, n in enumerate(not_met) if isinstance(n, str)]
    steps = []
    entering: Shown = shown(cohort.people, least)
    for i, step in enumerate(cohort.steps):
        between = bool(hidden) and hidden[0] <= i < hidden[-1]
        remaining: Shown = HIDDEN if between else shown(step.remaining, least)
        steps.append(
            {
                "label": step.criterion.label,
                "element": step.criterion.element,
                "condition": step.criterion.condition.words,
                "before": entering,
                "not_met": not_met[i],
                "missing": step.missing,
                "remaining": remaining,
            }
        )
        entering = remaining
    return {
        "people": shown(cohort.people, least),
        "steps": steps,
        "n": shown(cohort.table.height, least),
    }


def ways(events: pl.DataFrame, least: int) -> dict[tuple[str, str | None], Shown]:
    """How many took each way from state to state; to None is to stay.

    Who enters a state leaves it or stays, so what goes in gives back what goes out.

    Args:
        events: from, to and count.
        least: the smallest count that is written.
    """
    counts = {(a, b): int(n) for a, b, n in events.select("from", "to", "count").iter_rows()}
    states = dict.fromkeys(a for a, _ in counts)
    leaving = [[way for way in counts if way[0] == state] for state in states]
    balance = [[way for way in counts if state in way] for state in states]
    return shown_sums(counts, [*leaving, *balance], least)


def labels_of(names: Sequence[str], words: Words) -> list[str]:
    """Elements as people read them."""
    return [words.label(name) for name in names]


def at_risk(curve: survival.Curve | survival.Incidence, time: float) -> int:
    """The number under observation just before a time in days."""
    position = int(np.searchsorted(curve.times, time, side="left"))
    return int(curve.n_risk[position]) if position < len(curve.times) else 0


def _at(curve: survival.Curve, time: float, days: float, least: int, *, counted: bool) -> Document:
    position = int(np.searchsorted(curve.times, days, side="right")) - 1
    known = days <= curve.times[-1] or curve.survival[-1] == 0

    def value(line: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
        if not known:
            return None
        return number(float(line[position])) if position >= 0 else 1.0

    return {
        "time": time,
        "days": number(days),
        "n_risk": shown(at_risk(curve, days), least) if counted else HIDDEN,
        "survival": value(curve.survival),
        "lower": value(curve.lower),
        "upper": value(curve.upper),
    }


def missing_of(missing: survival.Missing, words: Words) -> Document:
    """Who was left out, and for which variables."""
    return {
        "rows": missing.rows,
        "by_variable": [
            {
                "name": name,
                "label": words.label(name),
                "absence": words.absence(name),
                "count": count,
            }
            for name, count in missing.by_variable.items()
        ],
    }


def chi_squared(test: ChiSquared) -> Document:
    """A test."""
    return {"statistic": number(test.statistic), "df": test.df, "p": number(test.p)}


def curve_groups(
    curves: Sequence[survival.Curve],
    at: Sequence[float],
    unit: float,
    least: int,
    watched: Sequence[survival.Curve] = (),
) -> list[Document]:
    """Curves by group: size, events, median, follow-up where it is told, and survival at times."""
    follow_up = [estimate(curve.median) for curve in watched] or [dict(NOTHING)] * len(curves)
    sizes = shown_row([curve.n for curve in curves], least)
    events = shown_row([int(curve.events) for curve in curves], least)
    return [
        {
            "label": curve.group,
            "n": n,
            "events": died if isinstance(n, int) else HIDDEN,
            "median_days": estimate(curve.median) if curve.n >= least else NOTHING,
            "follow_up_days": told if curve.n >= least else NOTHING,
            "at": [_at(curve, t, t * unit, least, counted=isinstance(n, int)) for t in at]
            if curve.n >= least
            else [],
        }
        for curve, n, died, told in zip(curves, sizes, events, follow_up, strict=True)
    ]


def logrank_of(
    test: survival.LogRank | None,
    curves: Sequence[survival.Curve],
    strata: Sequence[str],
    words: Words,
    least: int,
) -> Document | None:
    """A log-rank test; null for a single group."""
    if test is None:
        return None
    events = shown_row([int(curve.events) for curve in curves], least)
    return {
        "statistic": number(test.statistic),
        "df": test.df,
        "p": number(test.p),
        "strata": labels_of(strata, words),
        "expected": [
            number(e) if isinstance(n, int) else None
            for e, n in zip(test.expected, events, strict=True)
        ],
    }
