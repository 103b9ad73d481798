"""Alterations as the analyses see them: carried, not carried, or not tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import known_columns
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.faults import BadCovariate

NEGATIVE, POSITIVE = "negative", "positive"


@dataclass(frozen=True, eq=False)
class Findings:
    """What n patients carry of m alterations.

    Attributes:
        names: (m,) of the alterations.
        values: (n, m) 1 where carried, 0 where not, NaN where not tested.
    """

    names: tuple[str, ...]
    values: Floats

    @classmethod
    def of(cls, table: Tabular, alterations: Sequence[str]) -> Self:
        """Read columns of "negative" and "positive", of truth values, or of 0 and 1.

        Raises:
            UnknownColumn: the table lacks an alteration.
            BadCovariate: a column is none of these.

        >>> Findings.of(pl.DataFrame({"NPM1": ["positive", None]}), ["NPM1"]).values.ravel()
        array([ 1., nan])
        """
        names = tuple(dict.fromkeys(alterations))
        given = polars_table(table, known_columns(names, column_names(table)))
        columns = [_carried(given[name]) for name in names]
        return cls(names, np.column_stack(columns) if columns else np.zeros((given.height, 0)))

    @cached_property
    def carried(self) -> Floats:
        """(n, m) 1 where carried, otherwise 0."""
        return np.asarray(self.values == 1, dtype=np.float64)

    @cached_property
    def tested(self) -> Floats:
        """(n, m) 1 where tested, otherwise 0."""
        return (~np.isnan(self.values)).astype(np.float64)

    @property
    def carriers(self) -> Integers:
        """(m,) patients who carry each alteration."""
        return np.asarray(self.carried.sum(axis=0), dtype=np.intp)

    def common(self, least: int) -> Findings:
        """Those alterations that at least so many patients carry."""
        kept = np.flatnonzero(self.carriers >= number(least, "least"))
        return Findings(tuple(self.names[int(i)] for i in kept), self.values[:, kept])


def genotypes(table: Tabular, alterations: Sequence[str]) -> pl.Series:
    """Which of a few alterations each patient carries, as text; null where one was not tested.

    >>> table = pl.DataFrame({"NPM1": [1, 1, 0, None], "DNMT3A": [1, 0, 0, 1]})
    >>> genotypes(table, ["NPM1", "DNMT3A"]).to_list()
    ['NPM1+DNMT3A', 'NPM1', 'none', None]
    """
    found = Findings.of(table, alterations)
    known = [
        pl.Series(name, column == 1)
        for name, column in zip(found.names, found.carried.T, strict=True)
    ]
    parts = [pl.when(name).then(pl.lit(name)) for name in found.names]
    label = pl.concat_str(parts, separator="+", ignore_nulls=True).replace("", "none")
    tested = pl.Series("(tested)", found.tested.all(axis=1))
    frame = pl.DataFrame([*known, tested])
    return frame.select(pl.when("(tested)").then(label).alias("genotype"))["genotype"]


def _carried(column: pl.Series) -> Floats:
    """(n,) 1, 0 and NaN."""
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    elif column.dtype == pl.Null:
        values = np.full(len(column), np.nan)
    else:
        words = column.cast(pl.String)
        strange = words.drop_nulls().is_in([NEGATIVE, POSITIVE]).not_().sum()
        values = np.where(words == POSITIVE, 1.0, np.where(words == NEGATIVE, 0.0, np.nan))
        values = np.where(words.is_null(), np.nan, values if not strange else 2.0)
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise BadCovariate(
            column.name,
            reason="holds something else than negative, positive or nothing",
            remedy="recode it to these words, to truth values, or to 0 and 1; null is untested",
        )
    return values
