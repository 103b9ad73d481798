"""What a model needs of patients that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Groups, groups_of, known_columns
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular, is_table, numbers, polars_table
from haemony.analysis.survival.data.given import finite
from haemony.analysis.survival.faults import BadCovariate

FARTHEST = 700.0
"""Linear predictors beyond this have no exponential."""


def covariates_of(rows: Tabular | ArrayLike, names: Sequence[str], design: Design | None) -> Floats:
    """Covariates (m, p) of new patients, from a table or as given.

    Args:
        rows: a table with the columns of the fit, or an (m, p) array.
        names: (p,) of the coefficients.
        design: how table columns become covariates, or None if the fit was to arrays.

    Raises:
        UnknownColumn: the table lacks a covariate.
        BadCovariate: a covariate is missing, no number, or has a level that the fit never saw.
    """
    if is_table(rows):
        table = polars_table(rows)
        if design is not None:
            return design.matrix(table)
        known_columns(names, table.columns)
        rows = np.column_stack([numbers(table[name]) for name in names])
    x = np.atleast_2d(finite(np.asarray(rows), "rows"))
    if x.shape[1] != len(names):
        raise BadCovariate(
            "rows",
            reason=f"have {x.shape[1]} columns for {len(names)} coefficients",
            remedy=f"give one for each of {', '.join(names)}",
        )
    return x


def known_of(rows: Tabular | ArrayLike, design: Design | None, m: int) -> Floats:
    """(m,) what offsets add to the linear predictors of new patients; nothing beside arrays.

    Args:
        rows: the patients; a table names their offsets.
        design: how table columns become covariates, or None if the fit was to arrays.
        m: how many patients there are.

    Raises:
        UnknownColumn: the table lacks an offset of the fit.
        BadCovariate: an offset is missing, or no finite number.
    """
    if design is None or not is_table(rows):
        return np.zeros(m)
    return design.known(polars_table(rows))


def strata_of(
    rows: Tabular | ArrayLike, fitted: Groups, given: Sequence[str] | None, m: int
) -> Integers:
    """The stratum (m,) of each new patient among those of the fit.

    Args:
        rows: the patients; a table names their strata.
        fitted: the strata of the fit.
        given: (m,) labels such as "study=07-04", instead of a table's columns.
        m: how many patients there are.

    Raises:
        BadCovariate: a stratum is missing, or unknown to the fit.
    """
    labels = fitted.labels
    if labels == ("all",):
        return np.zeros(m, dtype=np.intp)
    if given is None and fitted.columns and is_table(rows):
        table = polars_table(rows)
        known_columns(fitted.columns, table.columns)
        if table.select(fitted.columns).null_count().sum_horizontal().item():
            raise BadCovariate(
                ", ".join(fitted.columns),
                reason="is missing in some of the new rows",
                remedy="predict for complete rows",
            )
        of = groups_of(table, fitted.columns)
        given = [of.labels[code] for code in of.codes]
    if given is None or not set(given) <= set(labels):
        raise BadCovariate(
            ", ".join(fitted.columns) or "strata",
            reason="is missing" if given is None else "has a stratum that the fit never saw",
            remedy="name one of the strata in the table of the fit's baseline_hazard()",
        )
    return np.array([labels.index(label) for label in given], dtype=np.intp)


def check_near(predictors: Floats) -> None:
    """Refuse patients so unlike those of a fit that their hazard is beyond any number.

    Raises:
        BadCovariate: a linear predictor (m,) is no finite number, or has no exponential.
    """
    far = int(np.count_nonzero(~(np.abs(predictors) < FARTHEST)))
    if far:
        raise BadCovariate(
            "rows",
            reason=f"hold {far} patients whose hazard would be beyond any number",
            remedy="check the units of their covariates, and codes that stand for unknown",
        )
