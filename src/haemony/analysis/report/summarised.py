"""The study as one `summarised_result`, as the OMOP world passes results round.

It is made from the results document and from nothing else: what is too few there is too few here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from haemony.analysis.report.values import Document
from haemony.analysis.survival.summarised import (
    COUNTS,
    SUPPRESSED,
    EstimateType,
    Shape,
    summarised_result,
)

NAME = "summarised_result.csv"
_LIMITS = ("value", "lower", "upper")
_TYPES: Mapping[str, EstimateType] = {
    **dict.fromkeys(COUNTS, "integer"),
    **dict.fromkeys(
        ("survival", "incidence", "lower", "upper", "median", "mean", "difference"), "numeric"
    ),
    **dict.fromkeys(("hazard_ratio", "p", "statistic", "estimate", "std_err"), "numeric"),
    "df": "integer",
}
Row = dict[str, object]
Part = tuple[str, Shape, list[Row], dict[str, str]]
"""What kind of result, its shape, its rows, and what else is to be said of how it was made."""


def summarised(document: Document) -> str:
    """Endpoints, curves, incidences, means and models as a CSV of thirteen columns.

    Args:
        document: the results, small counts protected.
    """
    provenance, study = document["provenance"], document["study"]
    common = {
        "study_title": study["title"],
        "protocol_sha256": study["protocol_sha256"],
        "release": str(provenance["release"]),
        "manifest_sha256": provenance["manifest"],
        "in_silico": str(provenance["in_silico"]).upper(),
        "time_unit": "days",
    }
    parts = [part for part in _parts(document) if part[2]]
    tables = [
        summarised_result(
            _frame(rows),
            shape,
            cdm_name=f"haemony release {provenance['release']}",
            result_type=kind,
            result_id=i,
            min_cell_count=study["minimum_cell"],
            settings={**common, **said},
        ).exported()
        for i, (kind, shape, rows, said) in enumerate(parts, 1)
    ]
    return pl.concat(tables).write_csv() if tables else ""


def _parts(document: Document) -> Iterator[Part]:
    labels = {end["name"]: end["label"] for end in document["endpoints"]}
    for end in document["endpoints"]:
        said = {"endpoint": end["name"], "version": end["version"], "block": "endpoint"}
        row = {"n": end["n"], "events": end["events"], **_named(end["median_days"], "median")}
        yield "survival_summary", Shape(end["label"], types=_TYPES), [row], said
    for name in ("survival", "landmarks"):
        for block in document[name]:
            yield from _curves(block, labels[block["endpoint"]])
    for block in document["means"]:
        yield from _means(block, labels[block["endpoint"]])
    for block in document["competing_risks"]:
        yield from _incidences(block, labels[block["endpoint"]])
    for block in document["models"]:
        yield from _model(block, labels[block["endpoint"]])
    for name in ("landmarks", "time_dependent"):
        for block in document[name]:
            if block["model"] is not None:
                yield _regression(block, block["model"], labels[block["endpoint"]])


def _curves(block: Document, label: str) -> Iterator[Part]:
    by, said = _by(block), _said(block)
    at = [
        {by: group["label"], "time": at["days"], "n_risk": at["n_risk"], **_three(at, "survival")}
        for group in block["groups"]
        for at in group["at"]
    ]
    yield "survival_estimates", _shape(label, by, "time"), at, said
    whole = [
        {
            by: group["label"],
            "n": group["n"],
            "events": group["events"],
            **_named(group["median_days"], "median"),
        }
        for group in block["groups"]
    ]
    yield "survival_summary", _shape(label, by), whole, said
    if block["logrank"] is not None:
        test = {key: block["logrank"][key] for key in ("statistic", "df", "p")}
        yield "logrank_test", Shape(label, types=_TYPES), [test], said


def _means(block: Document, label: str) -> Iterator[Part]:
    said = {**_said(block), "horizon": f"{block['horizon']:g} in the unit of the report"}
    for key, kind in (("means", "mean"), ("differences", "difference")):
        rows = [
            {
                "group": effect["label"],
                "n": effect["n"],
                "events": effect["events"],
                **_named(effect, kind),
                "p": effect["p"],
            }
            for effect in block[key]
        ]
        yield f"restricted_{key}", _shape(label, "group"), rows, said


def _incidences(block: Document, label: str) -> Iterator[Part]:
    by, said = _by(block), _said(block)
    at = [
        {
            by: group["label"],
            "state": state,
            "time": at["days"],
            "n_risk": at["n_risk"],
            **_named(at["states"][j], "incidence"),
        }
        for group in block["groups"]
        for at in group["at"]
        for j, state in enumerate(block["states"])
    ]
    shape = Shape(label, level="state", strata=(by,), additional=("time",), types=_TYPES)
    yield "cumulative_incidence", shape, at, said
    whole = [
        {by: group["label"], "state": state, "n": group["n"], "events": group["events"][j]}
        for group in block["groups"]
        for j, state in enumerate(block["states"])
    ]
    shape = Shape(label, level="state", strata=(by,), types=_TYPES)
    yield "competing_events_summary", shape, whole, said
    tests = [
        {"state": test["event"], **{key: test[key] for key in ("statistic", "df", "p")}}
        for test in block["tests"]
    ]
    yield "gray_test", Shape(label, level="state", types=_TYPES), tests, said
    for model in block["models"]:
        yield _regression(block, model, label)


def _model(block: Document, label: str) -> Iterator[Part]:
    said = {**_said(block), "formula": block["formula"], "method": "Cox model"}
    keys = ("estimate", "std_err", "hazard_ratio", "lower", "upper", "p")
    rows = [
        {
            "term": row["label"],
            "n": block["n"],
            "events": block["events"],
            **{key: row[key] for key in keys if key in row},
        }
        for row in block["coefficients"]
    ]
    yield "hazard_ratios", Shape(label, level="term", types=_TYPES), rows, said


def _regression(block: Document, model: Document, label: str) -> Part:
    said = {**_said(block), "method": model["method"]}
    rows = [
        {
            "term": effect["label"],
            "n": effect["n"],
            "events": effect["events"],
            **_named(effect, "hazard_ratio"),
            "p": effect["p"],
        }
        for effect in model["effects"]
    ]
    return "hazard_ratios", Shape(label, level="term", types=_TYPES), rows, said


def _by(block: Document) -> str:
    """The column of groups: its element where one alone divides them."""
    by = block.get("by", ())
    return str(by[0]) if len(by) == 1 else "group"


def _said(block: Document) -> dict[str, str]:
    day = {"landmark_day": f"{block['day']:g}"} if "day" in block else {}
    population = {"population": block["population"]} if block["population"] else {}
    told = {"endpoint": block["endpoint"], "block": block["key"], "title": block["title"]}
    return {**told, **population, **day}


def _shape(label: str, by: str, *additional: str) -> Shape:
    return Shape(label, strata=(by,), additional=additional, types=_TYPES)


def _named(found: Document, name: str) -> Row:
    """A value and its limits, the value under a name of its own."""
    return {name if key == "value" else key: found[key] for key in _LIMITS}


def _three(found: Document, name: str) -> Row:
    return {key: found[key] for key in (name, "lower", "upper")}


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as text, in which a count that is too small takes the row's estimates with it."""
    estimates = [name for name in rows[0] if name in _TYPES]
    return pl.DataFrame([_row(row, estimates) for row in rows], infer_schema_length=None)


def _row(row: Row, estimates: Sequence[str]) -> Row:
    few = any(name in COUNTS and not isinstance(row[name], int) for name in estimates)
    return {
        name: _estimate(name, value, few) if name in estimates else value
        for name, value in row.items()
    }


def _estimate(name: str, value: object, few: bool) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.startswith("<") else SUPPRESSED
    if few and name not in COUNTS:
        return SUPPRESSED
    return f"{value:.15g}" if isinstance(value, float) else str(value)
