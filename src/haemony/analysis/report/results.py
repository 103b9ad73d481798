"""`results.json`: everything a study found, for programs; the report prints nothing else.

The document is described in docs/reference/results.md and by `results.schema.json`. Counts pass
through the small-cell rules here, once, for the report as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from haemony.analysis import wording
from haemony.analysis.cells import HIDDEN, Shown, shown, shown_row, shown_table
from haemony.analysis.describe import Counts, Numbers, Summary, Variable
from haemony.analysis.evidence import (
    BaselineFound,
    EndpointFound,
    Evidence,
    ModelFound,
    SurvivalFound,
)
from haemony.analysis.report.further import further, regression_of, words_of
from haemony.analysis.report.values import (
    NOTHING,
    Document,
    Words,
    chi_squared,
    cohort_of,
    curve_groups,
    estimate,
    labels_of,
    logrank_of,
    missing_of,
    number,
)
from haemony.model.element import Element, ValueType

__all__ = ["FORMAT", "Document", "document", "encode", "estimate", "number"]

FORMAT = "haemony-results/2"


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
            "missing": protocol.missing.value,
            "late_entry": protocol.late_entry.value,
            "pooling": {
                "origins": list(protocol.pooling.origins),
                "definitions": list(protocol.pooling.definitions),
            },
        },
        "provenance": {
            **asdict(evidence.provenance),
            "in_silico": evidence.provenance.in_silico,
            "sources": [
                {
                    **asdict(source),
                    "conditions": list(source.conditions),
                    "patients": patients,
                    "studied": studied,
                }
                for source, patients, studied in zip(
                    evidence.provenance.sources,
                    brought(evidence),
                    shown_row([s.studied for s in evidence.provenance.sources], least),
                    strict=True,
                )
            ],
        },
        "cohort": cohort_of(evidence.cohort, least),
        "endpoints": [_endpoint(found, least) for found in evidence.endpoints],
        "baseline": [_baseline(found, least) for found in evidence.baselines],
        "survival": [
            _survival(found, evidence, f"figures/kaplan-meier-{i}.svg", least)
            for i, found in enumerate(evidence.survival, 1)
        ],
        "models": [
            _model(found, words_of(evidence), f"figures/cox-{i}", least)
            for i, found in enumerate(evidence.models, 1)
        ],
        **further(evidence),
    }


def brought(evidence: Evidence) -> tuple[Shown, ...]:
    """How many patients each source brought to the release, small counts protected."""
    sizes = [source.patients for source in evidence.provenance.sources]
    return shown_row(sizes, evidence.protocol.minimum_cell)


def encode(document: Document) -> str:
    """The document as text: one document, one sequence of characters."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _endpoint(found: EndpointFound, least: int) -> Document:
    end, few = found.clock.endpoint, found.curve.n < least
    return {
        "name": end.name,
        "label": end.label,
        "version": end.version,
        "origin": end.origin.value,
        "definition": end.definition,
        "failure": end.failure,
        "competing": list(end.competing),
        "source": end.source,
        "late_entry": {
            "patients": shown(found.clock.late, least),
            "modelled": found.clock.modelled,
        },
        "outside": shown(found.clock.outside, least),
        "n": shown(found.curve.n, least),
        "events": shown(int(found.curve.events), least),
        "missing": found.missing,
        "median_days": dict(NOTHING) if end.competing or few else estimate(found.curve.median),
        "follow_up_days": dict(NOTHING) if few else estimate(found.follow_up.median),
    }


def _baseline(found: BaselineFound, least: int) -> Document:
    table = found.table
    sizes = shown_row([n for _, n in table.groups], least)
    return {
        "title": found.block.title,
        "population": found.block.population,
        "by": found.block.by,
        "comparison": table.comparison.value,
        "ungrouped": table.ungrouped,
        "columns": [
            {"label": "All", "n": shown(table.n, least)},
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
        known = shown_row([c.n for c in columns[1:]], least)
        sizes = (shown(variable.overall.n, least), *known)
        return [
            _numbers(c, shut, n, least) for c, shut, n in zip(columns, closed, sizes, strict=True)
        ]
    by_level = [[c.counts[i] for c in _counts(columns)] for i in range(len(variable.levels))]
    whole = shown_row([row[0] for row in by_level], least)
    groups = shown_table([row[1:] for row in by_level], least)
    counted = _counts(columns)
    sizes = (shown(counted[0].n, least), *shown_row([c.n for c in counted[1:]], least))
    found = []
    for j, (column, shut) in enumerate(zip(counted, closed, strict=True)):
        cells = whole if j == 0 else tuple(row[j - 1] for row in groups)
        cells = (HIDDEN,) * len(cells) if shut else cells
        found.append(
            {
                "n": HIDDEN if shut else sizes[j],
                "missing": HIDDEN if shut or isinstance(sizes[j], str) else column.missing,
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


def _numbers(column: Summary, shut: bool, n: Shown, least: int) -> Document:
    if not isinstance(column, Numbers):
        raise TypeError(column)
    few = shut or column.n < least
    values = ("mean", "sd", "median", "lower", "upper")
    return {
        "n": HIDDEN if shut else n,
        "missing": column.missing if isinstance(n, int) and not few else HIDDEN,
        **{name: None if few else number(getattr(column, name)) for name in values},
    }


def _survival(found: SurvivalFound, evidence: Evidence, figure: str, least: int) -> Document:
    unit = evidence.protocol.time_unit.days
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "by": list(found.block.by),
        "n": shown(found.everyone.n, least),
        "events": shown(int(found.everyone.events), least),
        "missing": missing_of(found.missing, words_of(evidence)),
        "groups": curve_groups(found.curves, found.block.at, unit, least, found.watched),
        "logrank": logrank_of(
            found.test, found.curves, found.block.strata, words_of(evidence), least
        ),
        "figure": figure,
    }


def _model(found: ModelFound, words: Words, figure: str, least: int) -> Document:
    fit = found.fit
    table = fit.table()
    return {
        "key": found.block.key,
        "title": found.block.title,
        "endpoint": found.clock.name,
        "population": found.block.population,
        "formula": found.formula,
        "ties": fit.ties,
        "strata": labels_of(found.block.strata, words),
        "n": shown(fit.n, least),
        "events": shown(fit.events, least),
        "missing": missing_of(fit.missing, words),
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
            "likelihood_ratio": chi_squared(fit.likelihood_ratio_test),
            "wald": chi_squared(fit.wald_test),
            "score": chi_squared(fit.score_test),
        },
        "log_likelihood": {key: number(v) for key, v in asdict(fit.log_likelihood).items()},
        "concordance": {
            "value": number(fit.concordance.value),
            "std_err": number(fit.concordance.std_err),
        },
        "proportional_hazards": _hazards(found),
        "imputed": None if found.imputed is None else regression_of(found.imputed, words, least),
        "notes": [words.note(note) for note in fit.notes],
        "figures": {
            "forest": f"{figure}-forest.svg",
            "proportional_hazards": None
            if found.hazards is None
            else f"{figure}-proportional-hazards.svg",
        },
    }


def _hazards(found: ModelFound) -> Document | None:
    """The test of proportional hazards; null where an estimate is infinite."""
    if found.hazards is None:
        return None
    return {
        "transform": found.hazards.transform,
        "terms": [
            {"term": term, "label": label, **chi_squared(test)}
            for term, label, test in zip(
                found.hazards.terms, found.term_labels, found.hazards.tests, strict=True
            )
        ],
        "overall": chi_squared(found.hazards.overall),
    }
