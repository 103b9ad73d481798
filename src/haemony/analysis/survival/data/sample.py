"""Who is compared with whom: the follow-up, the groups, the strata and the weights of n rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import (
    Groups,
    Missing,
    complete,
    groups_from,
    groups_of,
    positive_weights,
)
from haemony.analysis.survival.data.formula import group_columns
from haemony.analysis.survival.data.frames import Tabular, polars_table, tidy
from haemony.analysis.survival.data.given import figures
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse


@dataclass(frozen=True, eq=False)
class Sample:
    """The complete rows of an analysis that compares groups.

    Attributes:
        response: the n follow-ups.
        groups: the group of each row.
        strata: the stratum of each row, within which alone rows are compared.
        weights: (n,) case weights, or None for one each.
        cluster: (n,) which rows belong to one patient, or None.
        missing: rows left out as incomplete.
    """

    response: Surv
    groups: Groups
    strata: Groups
    weights: Floats | None
    cluster: Integers | None
    missing: Missing

    def rows(self, code: int) -> Integers | slice:
        """The positions of the rows of one group."""
        return rows_of(self.groups, code)

    def size(self, code: int) -> int:
        """How many rows a group has."""
        return int(np.count_nonzero(self.groups.codes == code))

    def folded(self) -> Sample:
        """The same with strata as a part of the groups, as curves have it."""
        if len(self.strata.labels) == 1:
            return self
        pair = self.groups.codes * len(self.strata.labels) + self.strata.codes
        used, codes = np.unique(pair, return_inverse=True)
        names = [divmod(int(value), len(self.strata.labels)) for value in used]
        first = self.groups.labels
        labels = tuple(
            self.strata.labels[b] if len(first) == 1 else f"{first[a]}, {self.strata.labels[b]}"
            for a, b in names
        )
        return replace(self, groups=Groups(labels, codes.astype(np.intp)))


def sample(
    formula: str | Surv,
    table: Tabular | None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    competing: bool = False,
) -> Sample:
    """Read a comparison from a formula and a table, or from a `Surv` and arrays.

    Raises:
        BadFormula: the formula cannot be read, or comes together with arrays.
        BadCovariate: an array has another length than the follow-up.
        NothingToAnalyse: there is no row.
    """
    if not isinstance(formula, Surv):
        data = complete(
            formula,
            table,
            weights=weights,
            competing=competing,
            groups=groups,
            strata=strata,
            cluster=cluster,
        )
        model = data.model
        return Sample(
            response=data.response,
            groups=groups_of(data.table, group_columns(model)),
            strata=groups_of(data.table, model.strata),
            weights=data.weights,
            cluster=None if model.cluster is None else groups_of(data.table, [model.cluster]).codes,
            missing=data.missing,
        )
    n = len(formula)
    if not n:
        raise NothingToAnalyse("there is no follow-up", remedy="give at least one row")
    return Sample(
        response=formula,
        groups=groups_from(column(groups, "groups", n), n),
        strata=groups_from(column(strata, "strata", n), n),
        weights=None if weights is None else _weights(weights, n),
        cluster=None if cluster is None else groups_from(column(cluster, "cluster", n), n).codes,
        missing=Missing(),
    )


def _weights(values: ArrayLike, n: int) -> Floats:
    """Case weights (n,) that were given as such."""
    given = figures(column_of(values, "weights", n), "weights")
    return positive_weights(given, "weights")


def column(values: ArrayLike | None, name: str, n: int) -> NDArray[np.generic] | None:
    """An array of one label per row (n,), or None where there is none.

    Raises:
        BadCovariate: it has another shape, or some rows have no label.
    """
    if values is None:
        return None
    array = column_of(values, name, n)
    unknown = 0
    if array.dtype.kind == "f":
        unknown = int(np.count_nonzero(np.isnan(array)))
    elif array.dtype.kind in "mM":
        unknown = int(np.count_nonzero(np.isnat(array)))
    elif array.dtype.kind == "O":
        unknown = tidy(polars_table({name: array}))[name].null_count()
    if unknown:
        raise BadCovariate(
            name,
            reason=f"is missing in {unknown} rows",
            remedy="leave these rows out, or make missing a label of its own",
        )
    return array


def column_of(values: ArrayLike, name: str, n: int) -> NDArray[np.generic]:
    """An array of one value per row (n,).

    Raises:
        BadCovariate: it has another shape.
    """
    array = np.asarray(values)
    if array.shape != (n,):
        raise BadCovariate(
            name,
            reason=f"has shape {array.shape} beside {n} follow-ups",
            remedy="give one value per follow-up",
        )
    return array


def check_choice(value: str, name: str, choices: Sequence[str]) -> None:
    """Refuse an option that is not one of its choices.

    Raises:
        BadCovariate: it is not.
    """
    if value not in choices:
        raise BadCovariate(
            name, reason="is not a known choice", remedy=f"choose one of {', '.join(choices)}"
        )


def rows_of(groups: Groups, code: int) -> Integers | slice:
    """The positions of the rows of one group; all of them at no cost when there is only one."""
    return slice(None) if len(groups.labels) == 1 else np.flatnonzero(groups.codes == code)
