"""`results.json`: everything a study found, for programs; the report prints nothing else.

The document is described in docs/reference/results.md and by `results.schema.json`. Counts pass
through the small-cell rules here, once, for the report as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from haemony.analysis import survival, wording
from haemony.analysis.cohorts import Cohort
from haemony.analysis.describe import Counts, Numbers, Summary, Variable
from haemony.analysis.evidence import (
    BaselineFound,
    EndpointFound,
    Evidence,
    ModelFound,
    SurvivalFound,
)
from haemony.analysis.report.cells import HIDDEN, Shown, shown, shown_row, shown_table
from haemony.analysis.survival.cox import ChiSquared
from haemony.model.element import Catalogue, Element, ValueType

FORMAT = "haemony-results/1"
Document = dict[str, Any]


def document(evidence: Evidence) -> Document:
    """The results of a study as plain values, small counts protected."""
    protocol, least = evidence.protocol, evidence.protocol.minimum_cell
    return {
        "format": FORMAT,
        "study": {
            "title": protocol.title,
            "question": protocol.question,
            "protocol_sha256": protocol.sha256,
            "protocol": protocol.text,
            "time_unit": protocol.time_unit.value,
            "minimum_cell": least,
        },
        "provenance": {
            **asdict(evidence.provenance),
            "in_silico": evidence.provenance.in_silico,
            "sources": [
                {**asdict(source), "conditions": list(source.conditions)}
                for source in evidence.provenance.sources
            ],
        },
        "cohort": _cohort(evidence.cohort, least),
        "endpoints": [_endpoint(found, least) for found in evidence.endpoints],
        "baseline": [_baseline(found, least) for found in evidence.baselines],
        "survival": [
            _survival(found, evidence, f"figures/kaplan-meier-{i}.svg", least)
            for i, found in enumerate(evidence.survival, 1)
        ],
        "models": [
            _model(found, evidence.catalogue, f"figures/cox-{i}", least)
            for i, found in enumerate(evidence.models, 1)
        ],
    }


def encode(document: Document) -> str:
    """The document as text: one document, one sequence of characters."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def number(value: float) -> float | None:
    """A number with ten significant digits, or null where it is undefined or infinite.

    >>> number(0.1 + 0.2), number(float("nan"))
    (0.3, None)
    """
    return float(f"{value:.10g}") if math.isfinite(value) else None


def estimate(found: survival.Estimate) -> Document:
    """A value with its limits."""
    return {key: number(value) for key, value in asdict(found).items()}


def _cohort(cohort: Cohort, least: int) -> Document:
    steps, before = [], cohort.people
    entering: Shown = before
    for i, step in enumerate(cohort.steps, 1):
        small = 0 < step.not_met < least
        last = i == len(cohort.steps)
        remaining: Shown = HIDDEN if small and not last else step.remaining
        steps.append(
            {
                "label": step.criterion.label,
                "element": step.criterion.element,
                "condition": step.criterion.condition.words,
                "before": entering,
                "not_met": shown(step.not_met, least),
                "missing": step.missing,
                "remaining": remaining,
            }
        )
        entering = remaining
    return {"people": cohort.people, "steps": steps, "n": cohort.table.height}


def _endpoint(found: EndpointFound, least: int) -> Document:
    return {
        "name": found.endpoint.name,
        "label": found.endpoint.label,
        "version": found.endpoint.version,
        "definition": found.endpoint.definition,
        "n": found.curve.n,
        "events": shown(int(found.curve.events), least),
        "missing": found.missing,
        "median_days": estimate(found.curve.median),
        "follow_up_days": estimate(found.follow_up.median),
    }


def _baseline(found: BaselineFound, least: int) -> Document:
    table = found.table
    sizes = shown_row([n for _, n in table.groups], least)
    return {
        "title": found.block.title,
        "by": found.block.by,
        "comparison": table.comparison.value,
        "ungrouped": table.ungrouped,
        "columns": [
            {"label": "All", "n": table.n},
            *({"label": g[0], "n": n} for g, n in zip(table.groups, sizes, strict=True)),
        ],
        "variables": [
            _variable(variable, element, sizes, least)
            for variable, element in zip(table.variables, found.elements, strict=True)
        ],
    }


def _variable(variable: Variable, element: Element, sizes: Sequence[Shown], least: int) -> Document:
    closed = [False, *(isinstance(n, str) for n in sizes)]
    return {
        "element": element.name,
        "label": element.label,
        "unit": wording.unit(element),
        "kind": _kind(variable, element),
        "absence": wording.absence(element),
        "levels": [wording.value(element, level) for level in variable.levels],
        "columns": _summaries(variable, closed, least),
        "difference": None if variable.difference is None else number(variable.difference),
        "test": None
        if variable.test is None
        else {
            "name": variable.test.name,
            "statistic": number(variable.test.statistic),
            "p": number(variable.test.p),
        },
    }


def _kind(variable: Variable, element: Element) -> str:
    if isinstance(variable.overall, Numbers):
        return "number"
    return "finding" if element.type is ValueType.FINDING else "category"


def _summaries(variable: Variable, closed: Sequence[bool], least: int) -> list[Document]:
    """The overall column and each group's, small counts protected across all of them."""
    columns = (variable.overall, *variable.groups)
    if isinstance(variable.overall, Numbers):
        return [_numbers(c, shut, least) for c, shut in zip(columns, closed, strict=True)]
    by_level = [[c.counts[i] for c in _counts(columns)] for i in range(len(variable.levels))]
    whole = shown_row([row[0] for row in by_level], least)
    groups = shown_table([row[1:] for row in by_level], least)
    found = []
    for j, (column, shut) in enumerate(zip(_counts(columns), closed, strict=True)):
        cells = whole if j == 0 else tuple(row[j - 1] for row in groups)
        cells = (HIDDEN,) * len(cells) if shut else cells
        found.append(
            {
                "n": HIDDEN if shut else column.n,
                "missing": HIDDEN if shut else column.missing,
                "counts": list(cells),
                "shares": [
                    number(share) if isinstance(cell, int) else None
                    for cell, share in zip(cells, column.shares, strict=True)
                ],
            }
        )
    return found


def _counts(columns: Sequence[Summary]) -> list[Counts]:
    return [column for column in columns if isinstance(column, Counts)]


def _numbers(column: Summary, shut: bool, least: int) -> Document:
    if not isinstance(column, Numbers):
        raise TypeError(column)
    few = shut or column.n < least
    values = ("mean", "sd", "median", "lower", "upper")
    return {
        "n": HIDDEN if shut else shown(column.n, least),
        "missing": HIDDEN if few else column.missing,
        **{name: None if few else number(getattr(column, name)) for name in values},
    }


def _survival(found: SurvivalFound, evidence: Evidence, figure: str, least: int) -> Document:
    sizes = shown_row([curve.n for curve in found.curves], least)
    events = shown_row([int(curve.events) for curve in found.curves], least)
    unit = evidence.protocol.time_unit.days
    return {
        "title": found.block.title,
        "endpoint": found.endpoint.name,
        "by": list(found.block.by),
        "n": found.everyone.n,
        "events": shown(int(found.everyone.events), least),
        "missing": _missing(found.missing, evidence.catalogue),
        "groups": [
            {
                "label": curve.group,
                "n": n,
                "events": died if isinstance(n, int) else HIDDEN,
                "median_days": estimate(curve.median) if curve.n >= least else _NOTHING,
                "at": [_at(curve, t, t * unit, least) for t in found.block.at]
                if curve.n >= least
                else [],
            }
            for curve, n, died in zip(found.curves, sizes, events, strict=True)
        ],
        "logrank": None
        if found.test is None
        else {
            "statistic": number(found.test.statistic),
            "df": found.test.df,
            "p": number(found.test.p),
            "strata": _labels(found.block.strata, evidence.catalogue),
            "expected": [
                number(e) if isinstance(n, int) else None
                for e, n in zip(found.test.expected, events, strict=True)
            ],
        },
        "figure": figure,
    }


def _labels(names: Sequence[str], catalogue: Catalogue) -> list[str]:
    return [catalogue[name].label for name in names]


_NOTHING: Mapping[str, None] = {"value": None, "lower": None, "upper": None}


def at_risk(curve: survival.Curve, time: float) -> int:
    """The number under observation just before a time in days."""
    position = int(np.searchsorted(curve.times, time, side="left"))
    return int(curve.n_risk[position]) if position < len(curve.times) else 0


def _at(curve: survival.Curve, time: float, days: float, least: int) -> Document:
    position = int(np.searchsorted(curve.times, days, side="right")) - 1
    known = days <= curve.times[-1] or curve.survival[-1] == 0

    def value(line: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
        if not known:
            return None
        return number(float(line[position])) if position >= 0 else 1.0

    return {
        "time": time,
        "days": number(days),
        "n_risk": shown(at_risk(curve, days), least),
        "survival": value(curve.survival),
        "lower": value(curve.lower),
        "upper": value(curve.upper),
    }


def _missing(missing: survival.Missing, catalogue: Catalogue) -> Document:
    return {
        "rows": missing.rows,
        "by_variable": [
            {
                "name": name,
                "label": catalogue[name].label if name in catalogue else name,
                "absence": wording.absence(catalogue[name]) if name in catalogue else "missing",
                "count": count,
            }
            for name, count in missing.by_variable.items()
        ],
    }


def _model(found: ModelFound, catalogue: Catalogue, figure: str, least: int) -> Document:
    fit = found.fit
    table = fit.table()
    return {
        "title": found.block.title,
        "endpoint": found.endpoint.name,
        "formula": found.block.formula,
        "ties": fit.ties,
        "strata": _labels(found.block.strata, catalogue),
        "n": fit.n,
        "events": shown(fit.events, least),
        "missing": _missing(fit.missing, catalogue),
        "coefficients": [
            {
                "name": row["term"],
                "label": label,
                **{key: number(row[key]) for key in row if key != "term"},
                "influence": number(float(change)),
            }
            for row, label, change in zip(
                table.iter_rows(named=True), found.labels, found.influence, strict=True
            )
        ],
        "tests": {
            "likelihood_ratio": _chi_squared(fit.likelihood_ratio_test),
            "wald": _chi_squared(fit.wald_test),
            "score": _chi_squared(fit.score_test),
        },
        "log_likelihood": {key: number(v) for key, v in asdict(fit.log_likelihood).items()},
        "concordance": {
            "value": number(fit.concordance.value),
            "std_err": number(fit.concordance.std_err),
        },
        "proportional_hazards": {
            "transform": found.hazards.transform,
            "terms": [
                {"term": term, "label": label, **_chi_squared(test)}
                for term, label, test in zip(
                    found.hazards.terms, found.term_labels, found.hazards.tests, strict=True
                )
            ],
            "overall": _chi_squared(found.hazards.overall),
        },
        "notes": [*fit.notes, *_cautions(found)],
        "figures": {
            "forest": f"{figure}-forest.svg",
            "proportional_hazards": f"{figure}-proportional-hazards.svg",
        },
    }


def _chi_squared(test: ChiSquared) -> Document:
    return {"statistic": number(test.statistic), "df": test.df, "p": number(test.p)}


def _cautions(found: ModelFound) -> list[str]:
    """What a reader must know before believing the model."""
    fit, notes = found.fit, []
    per = fit.events / max(len(fit.names), 1)
    if per < 10:
        notes.append(
            f"{per:.1f} events per coefficient: with fewer than about 10, estimates run to extremes"
        )
    total = fit.n + fit.missing.rows
    if fit.missing.rows > 0.1 * total:
        notes.append(
            f"{fit.missing.rows:,} of {total:,} patients ({fit.missing.rows / total:.0%}) lack a "
            "variable and are not in the model; those left may differ from them"
        )
    return notes
