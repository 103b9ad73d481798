"""What the measures of predictions have in common: estimates, options, and who was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from haemony.analysis.prediction.censoring import Censoring, Variance
from haemony.analysis.prediction.estimates import Estimates
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.printing import counted, grid, page


@dataclass(frozen=True, eq=False, kw_only=True)
class Assessed:
    """What an assessment of predictions says of itself.

    Attributes:
        level: coverage of the limits.
        n: patients judged.
        missing: rows left out as incomplete.
        notes: what a reader must know.
    """

    level: float
    n: int
    missing: Missing
    notes: tuple[str, ...] = ()

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        return {"level": self.level}

    def printed(self) -> list[str]:
        """The tables that print."""
        return []

    def __str__(self) -> str:
        head = [counted(self.n, None, self.missing.rows), said_of_options(self.options())]
        return page(head, *self.printed(), notes=self.notes)


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged(Assessed):
    """A measure of predictions, weighted against censoring.

    Attributes:
        estimates: the measure by horizon and model, and its covariance.
        censoring: the model of censoring.
        variance: whether the standard errors account for its being estimated.
    """

    MEASURE: ClassVar[str]
    estimates: Estimates
    censoring: Censoring
    variance: Variance

    def table(self) -> pl.DataFrame:
        """One row per horizon and model: time, model, the measure, std_err, lower, upper."""
        return self.estimates.table(self.MEASURE, self.level)

    def differences(self) -> pl.DataFrame:
        """Pairs of models: time, model, reference, difference, std_err, lower, upper, p."""
        return self.estimates.differences(self.level)

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        return {"censoring": self.censoring, "variance": self.variance, **super().options()}

    def printed(self) -> list[str]:
        """The measure and, of several models, their differences."""
        tables = [grid(self.table())]
        if len(self.estimates.models) > 1:
            tables.append(grid(self.differences(), p_values=["p"]))
        return tables


def said_of_options(options: Mapping[str, object]) -> str:
    """One line of options, under the names by which they can be changed.

    >>> said_of_options({"censoring": "kaplan-meier", "level": 0.95})
    'censoring: kaplan-meier; level: 0.95'
    """
    return "; ".join(f"{name}: {value}" for name, value in options.items())
