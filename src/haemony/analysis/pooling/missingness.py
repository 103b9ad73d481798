"""Whether values are missing at random as far as one can see, and what difference it makes.

Rubin DB (1976) Inference and missing data. Biometrika 63:581-592. White IR, Carlin JB (2010) Bias
and efficiency of multiple imputation compared with complete-case analysis for missing covariate
values. Statistics in Medicine 29:2920-2931.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.logistic import complete_columns, fit_logistic
from haemony.analysis.pooling.imputation import Imputed
from haemony.analysis.survival import printing
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.regression.cox import cox
from haemony.analysis.survival.regression.partial_likelihood import Ties
from haemony.model.errors import HaemonyError

LACKS = "missingness_indicator"
SUSPICIOUS = 0.05
FEWEST = 5


@dataclass(frozen=True, eq=False)
class Missingness:
    """What goes with missing values.

    Attributes:
        frame: one row per incomplete column: column, missing, share, hazard_ratio, lower, upper and
            p of patients who lack it against those who have it, and predictable (the c-statistic of
            who lacks it given the complete columns); null where it cannot be computed.
        warnings: what a reader must know.
    """

    frame: pl.DataFrame
    warnings: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """The rows of `frame`."""
        return self.frame

    def __str__(self) -> str:
        """The table and the warnings."""
        return printing.page(printing.grid(self.frame, p_values=("p",)), notes=self.warnings)


def missingness(table: Tabular, columns: Sequence[str], outcome: str) -> Missingness:
    """Ask whether missing values go with the outcome, or with what is known of the patients.

    Args:
        table: one row per patient.
        columns: the covariates of the analysis.
        outcome: such as "Surv(os_days, os_event)".

    >>> table = pl.DataFrame({"days": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    ...     "died": [1] * 12, "wbc": [None] * 6 + [5.0, 9.0, 8.0, 3.0, 4.0, 7.0]})
    >>> missingness(table, ["wbc"], "Surv(days, died)").frame["missing"].to_list()
    [6]
    """
    response = formulas.read(f"{outcome} ~ 1").response
    known = complete_columns(table, list(dict.fromkeys([*response, *columns])))
    known = known.drop_nulls(list(response))
    holes = [name for name in columns if known[name].null_count()]
    full = [name for name in columns if not known[name].null_count()]
    rows = [_row(known, name, outcome, full) for name in holes]
    schema = {
        "column": pl.String,
        "missing": pl.Int64,
        "share": pl.Float64,
        "hazard_ratio": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "p": pl.Float64,
        "predictable": pl.Float64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Missingness(frame, tuple(_warnings(frame)))


def complete_or_imputed(
    formula: str, table: Tabular, imputed: Imputed, *, ties: Ties = "efron"
) -> pl.DataFrame:
    """The Cox model of complete rows beside that of the imputed tables, one row per coefficient.

    Columns: term, n_complete, complete, complete_std_err, n_imputed, imputed, imputed_std_err, fmi,
    shift (how far the estimates lie apart, in standard errors of the complete one).
    """
    alone = cox(formula, table, ties=ties)
    pooled = imputed.cox(formula, ties=ties)
    return (
        pl.DataFrame(
            {
                "term": alone.names,
                "n_complete": [alone.n] * len(alone.names),
                "complete": alone.coefficients,
                "complete_std_err": alone.standard_errors,
                "n_imputed": [imputed.tables[0].height] * len(alone.names),
            }
        )
        .join(
            pl.DataFrame(
                {
                    "term": pooled.names,
                    "imputed": pooled.estimates,
                    "imputed_std_err": pooled.standard_errors,
                    "fmi": pooled.fmi,
                }
            ),
            on="term",
            how="left",
            maintain_order="left",
        )
        .with_columns(shift=(pl.col("imputed") - pl.col("complete")) / pl.col("complete_std_err"))
    )


def _row(table: pl.DataFrame, name: str, outcome: str, full: Sequence[str]) -> tuple[object, ...]:
    lacks = table[name].is_null()
    marked = table.with_columns(lacks.cast(pl.Int64).alias(LACKS))
    ratio: tuple[object, ...] = (None, None, None, None)
    if min(int(lacks.sum()), int((~lacks).sum())) >= FEWEST:
        try:
            fit = cox(f"{outcome} ~ {LACKS}", marked)
            shown = fit.table().select("hazard_ratio", "lower", "upper").row(0)
            ratio = (*shown, fit.likelihood_ratio_test.p)
        except HaemonyError:
            ratio = (None, None, None, None)
    predictable = _predictable(table, lacks.to_numpy(), full)
    gone = int(lacks.sum())
    return (name, gone, gone / table.height, *ratio, predictable)


def _predictable(table: pl.DataFrame, lacks: np.ndarray, full: Sequence[str]) -> float | None:
    """The c-statistic of who lacks a value, given the complete columns."""
    useful = [name for name in full if table[name].n_unique() > 1]
    if not useful:
        return None
    right = " + ".join(map(formulas.quoted, useful))
    try:
        design, x = Design.of(formulas.read(f"Surv({LACKS}, {LACKS}) ~ {right}"), table)
        return fit_logistic(x, lacks, design.names).discrimination
    except HaemonyError:
        return None


def _warnings(frame: pl.DataFrame) -> list[str]:
    said = []
    for name, share, ratio, p in frame.select("column", "share", "hazard_ratio", "p").rows():
        if p is not None and p < SUSPICIOUS:
            said.append(
                f"patients who lack {name} ({share:.0%}) have {ratio:.2f} times the hazard of the "
                f"others (p = {printing.p_value(p)}): leaving them out changes who is studied"
            )
    for name, share, c in frame.select("column", "share", "predictable").rows():
        if c is not None and c > 0.65:
            said.append(
                f"who lacks {name} ({share:.0%}) is told by the other columns (c = {c:.2f}): "
                f"keep these in the imputation model"
            )
    return said
