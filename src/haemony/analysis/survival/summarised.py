"""Results in the shape that the OMOP world passes round: `summarised_result`.

The shape is that of the R package omopgenerics (DARWIN EU): thirteen columns, one row per estimate,
every value a text beside its type; names and levels of several columns are joined by " &&& ", and
a settings table says what made them. Its documentation is the specification:
https://darwin-eu.github.io/omopgenerics/articles/summarised_result.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal

import polars as pl

from haemony.analysis.survival.data.complete import known_columns
from haemony.analysis.survival.faults import BadCovariate

COLUMNS = (
    "result_id",
    "cdm_name",
    "group_name",
    "group_level",
    "strata_name",
    "strata_level",
    "variable_name",
    "variable_level",
    "estimate_name",
    "estimate_type",
    "estimate_value",
    "additional_name",
    "additional_level",
)
JOINT, OVERALL, SUPPRESSED = " &&& ", "overall", "-"
COUNTS: Mapping[str, str] = {
    "n": "count",
    "rows": "record_count",
    "events": "events_count",
    "observed": "observed_count",
    "n_risk": "n_risk_count",
    "n_event": "n_events_count",
    "n_censored": "n_censored_count",
}
"""Columns that count patients, and names in which omopgenerics recognises a count."""
EstimateType = Literal[
    "numeric", "integer", "date", "character", "proportion", "percentage", "logical"
]


@dataclass(frozen=True, eq=False)
class SummarisedResult:
    """A result as omopgenerics has it.

    Attributes:
        table: the thirteen columns, all text but result_id.
        settings: one row per result_id: what made it, and which columns it is broken down by.
    """

    table: pl.DataFrame
    settings: pl.DataFrame

    def exported(self) -> pl.DataFrame:
        """Both in one table, as omopgenerics exports them: settings are estimates of "settings"."""
        columns = [name for name in self.settings.columns if name != "result_id"]
        rows = self.settings.unpivot(
            on=columns, index="result_id", variable_name="name", value_name="value"
        ).select(
            pl.col("result_id"),
            cdm_name=pl.lit(None, dtype=pl.String),
            **{name: pl.lit(OVERALL) for name in COLUMNS[2:6]},
            variable_name=pl.lit("settings"),
            variable_level=pl.lit(None, dtype=pl.String),
            estimate_name=pl.col("name"),
            estimate_type=pl.lit("character"),
            estimate_value=pl.col("value"),
            **{name: pl.lit(OVERALL) for name in COLUMNS[11:]},
        )
        return pl.concat([self.table, rows])


@dataclass(frozen=True)
class Shape:
    """Which columns of a tidy table break a result down; all others are estimates.

    Attributes:
        variable: what was measured, such as "overall survival".
        level: the column with the part of it that a row is about, such as "term".
        group: columns for the high level, such as the cohort's name.
        strata: columns that split it; a column of labels such as "NPM1=positive, sex=m" is split.
        additional: columns such as "time".
        types: the type of an estimate where its column does not say it.
    """

    variable: str
    level: str | None = None
    group: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    types: Mapping[str, EstimateType] = field(default_factory=dict)


def summarised_result(
    table: pl.DataFrame,
    shape: Shape,
    *,
    cdm_name: str,
    result_type: str,
    result_id: int = 1,
    min_cell_count: int = 5,
    settings: Mapping[str, str] | None = None,
) -> SummarisedResult:
    """A tidy table of any result as a `summarised_result`.

    What is not known gives no row, since a value may not be missing there.

    Args:
        table: such as `fit.table()`, `curves.at(times)` or `test.table()`.
        shape: which of its columns are what.
        cdm_name: the source of the data.
        result_type: such as "survival_estimates".
        result_id: the number that ties rows to settings.
        min_cell_count: a count of patients above 0 and below this is shown as "<5", and every other
            estimate of its row as "-".
        settings: more to say of how the result was made.

    Raises:
        UnknownColumn: the shape names a column that the table lacks.

    >>> table = pl.DataFrame({"group": ["sex=m"], "time": [365.0], "n_risk": [41],
    ...     "survival": [0.5]})
    >>> shape = Shape("overall survival", strata=("group",), additional=("time",))
    >>> found = summarised_result(table, shape, cdm_name="AMLSG", result_type="survival_estimates")
    >>> found.table.select("strata_name", "strata_level", "estimate_name", "estimate_value").rows()
    [('sex', 'm', 'n_risk_count', '41'), ('sex', 'm', 'survival', '0.5')]
    """
    if min_cell_count < 0:
        raise BadCovariate("min_cell_count", reason="is negative", remedy="give 0 to show all")
    broken = [*shape.group, *shape.strata, *shape.additional]
    keys = [*broken, *([shape.level] if shape.level else [])]
    known_columns(keys, table.columns)
    estimates = [name for name in table.columns if name not in keys]
    pairs = {
        kind: [_pair(row, columns) for row in table.select(columns).iter_rows(named=True)]
        if columns
        else [(OVERALL, OVERALL)] * table.height
        for kind, columns in (
            ("group", shape.group),
            ("strata", shape.strata),
            ("additional", shape.additional),
        )
    }
    hidden = _hidden(table, min_cell_count)
    rows = [
        {
            "result_id": result_id,
            "cdm_name": cdm_name,
            "group_name": pairs["group"][i][0],
            "group_level": pairs["group"][i][1],
            "strata_name": pairs["strata"][i][0],
            "strata_level": pairs["strata"][i][1],
            "variable_name": shape.variable,
            "variable_level": None if shape.level is None else _text(row[shape.level]),
            "estimate_name": COUNTS.get(name, _snake(name)),
            "estimate_type": shape.types.get(name, _type(table[name])),
            "estimate_value": _shown(name, row[name], min_cell_count) if hidden[i] else said,
            "additional_name": pairs["additional"][i][0],
            "additional_level": pairs["additional"][i][1],
        }
        for i, row in enumerate(table.iter_rows(named=True))
        for name in estimates
        if (said := _text(row[name])) is not None
    ]
    schema = dict.fromkeys(COLUMNS, pl.String) | {"result_id": pl.Int32}
    made = {
        "result_id": result_id,
        "result_type": result_type,
        "package_name": "haemony",
        "package_version": version("haemony"),
        **{kind: _names(pair) for kind, pair in pairs.items()},
        "min_cell_count": str(min_cell_count),
        **(settings or {}),
    }
    return SummarisedResult(
        pl.DataFrame(rows, schema=schema),
        pl.DataFrame([made], schema_overrides={"result_id": pl.Int32}),
    )


def _hidden(table: pl.DataFrame, least: int) -> list[bool]:
    """Which rows tell of too few patients."""
    counts = [name for name in table.columns if name in COUNTS and table[name].dtype.is_numeric()]
    if not counts:
        return [False] * table.height
    few = pl.any_horizontal((pl.col(name) > 0) & (pl.col(name) < least) for name in counts)
    return table.select(few.fill_null(value=False)).to_series().to_list()


def _shown(name: str, value: object, least: int) -> str:
    """What is shown of a row that tells of too few patients."""
    few = name in COUNTS and isinstance(value, int | float) and 0 < value < least
    return f"<{least}" if few else SUPPRESSED


def _pair(row: Mapping[str, object], columns: Sequence[str]) -> tuple[str, str]:
    """The names and the levels of some columns of a row; labels with "=" are taken apart."""
    names, levels = [], []
    for column in columns:
        value = _text(row[column]) or "NA"
        parts = [part.partition("=") for part in value.split(", ")]
        if all(equals for _, equals, _ in parts):
            names += [name for name, _, _ in parts]
            levels += [level for _, _, level in parts]
        elif value != "all":
            names.append(column)
            levels.append(value)
    if not names:
        return OVERALL, OVERALL
    return JOINT.join(map(_snake, names)), JOINT.join(levels)


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    found = dict.fromkeys(
        part for names, _ in pairs if names != OVERALL for part in names.split(JOINT)
    )
    return JOINT.join(found)


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower()


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Inf" if value > 0 else "-Inf")
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _type(column: pl.Series) -> EstimateType:
    if column.dtype == pl.Boolean:
        return "logical"
    if column.dtype.is_integer() or (column.name in COUNTS and _whole(column)):
        return "integer"
    if column.dtype.is_numeric():
        return "numeric"
    return "date" if column.dtype == pl.Date else "character"


def _whole(column: pl.Series) -> bool:
    """Whether a count kept as floats, since it may be weighted, holds whole numbers alone."""
    return column.dtype.is_float() and bool(
        column.drop_nulls().eq(column.drop_nulls().round()).all()
    )
