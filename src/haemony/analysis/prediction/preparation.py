"""Inputs made ready for a model by what the training patients alone say: gaps, rarity, scale.

Gaps are filled with what a patient's other inputs let expect, under a normal distribution with the
training patients' means and covariances. Patients to be predicted are filled and scaled by the same
numbers, and add nothing to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from haemony.analysis.prediction.faults import BadRisks
from haemony.analysis.prediction.learners import Learner, ScoreModel
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.faults import NothingToAnalyse

STEADY = 1e-3
"""The share of each variance that is added, so that covariances can be inverted."""


@dataclass(frozen=True, eq=False)
class Filling:
    """What p inputs are expected to be, given those that are known.

    Attributes:
        start: (p,) means of the known values, for patients of whom nothing is known.
        mean: (p,) means after filling.
        covariance: (p, p) covariances after filling, slightly steadied.
    """

    start: Floats
    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, x: Floats, rounds: int = 3) -> Self:
        """Learn from training patients (n, p), NaN where unknown, in a few rounds.

        >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, np.nan]])
        >>> bool(Filling.of(x, 50).fill(x)[3, 1] > 7)
        True
        """
        start = np.asarray(np.nanmean(x, axis=0))
        full = np.where(np.isnan(x), start, x)
        for _ in range(rounds):
            covariance = np.atleast_2d(np.cov(full.T))
            covariance += STEADY * np.diag(np.diag(covariance) + 1e-6)
            found = cls(start, full.mean(axis=0), covariance)
            full = found.fill(x)
        return found

    def fill(self, x: Floats) -> Floats:
        """Patients (m, p) without gaps."""
        gap = np.isnan(x)
        full = np.where(gap, self.start, x)
        patterns, of = np.unique(gap, axis=0, return_inverse=True)
        for number, missing in enumerate(patterns):
            if missing.any() and not missing.all():
                rows = np.flatnonzero(of.ravel() == number)
                slope = np.linalg.solve(
                    self.covariance[np.ix_(~missing, ~missing)],
                    self.covariance[np.ix_(~missing, missing)],
                )
                seen = x[np.ix_(rows, np.flatnonzero(~missing))] - self.mean[~missing]
                full[np.ix_(rows, np.flatnonzero(missing))] = self.mean[missing] + seen @ slope
        return np.asarray(full)


@dataclass(frozen=True, eq=False)
class Preparation:
    """How q of p inputs are made ready; numbers get variance one, findings stay between 0 and 1.

    Attributes:
        kept: (q,) positions of the inputs that are used.
        number: (q,) which of them are numbers.
        filling: how their gaps are filled.
        centre: (q,) what is taken from the numbers; zero for findings.
        scale: (q,) by what they are divided; one for findings.
    """

    kept: Integers
    number: Flags
    filling: Filling
    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, x: Floats, number: Flags, *, least: float = 5) -> Self:
        """Learn from training patients.

        Args:
            x: (n, p) inputs, NaN where unknown.
            number: (p,) which are numbers; the others are findings, 0 or 1.
            least: findings of fewer carriers are left out, as is what never varies.

        Raises:
            NothingToAnalyse: no input is left.
        """
        kept = np.flatnonzero(_varies(x) & (number | (np.nansum(x, axis=0) >= least)))
        if not kept.size:
            raise NothingToAnalyse(
                "no input varies among the training patients",
                remedy="name elements that the sources record, or lower `carriers`",
            )
        filling = Filling.of(x[:, kept])
        full, mine = filling.fill(x[:, kept]), number[kept]
        spread = full.std(axis=0)
        return cls(
            kept=kept,
            number=mine,
            filling=filling,
            centre=np.where(mine, full.mean(axis=0), 0.0),
            scale=np.where(mine & (spread > 0), spread, 1.0),
        )

    def apply(self, x: Floats) -> Floats:
        """Patients (m, p) made ready (m, q)."""
        full = self.filling.fill(x[:, self.kept])
        return np.where(self.number, (full - self.centre) / self.scale, np.clip(full, 0, 1))


@dataclass(frozen=True)
class PreparedLearner:
    """A learner whose inputs are made ready inside each training part.

    Attributes:
        names: the inputs: numeric columns, null or NaN where unknown.
        numbers: which of them are numbers; the others are findings, 0 or 1.
        make: from the inputs that are kept to the learner of them.
        least: findings of fewer carriers among the training patients are left out.
    """

    names: tuple[str, ...]
    numbers: Collection[str]
    make: Callable[[Sequence[str]], Learner]
    least: float = 5

    def fit(self, table: pl.DataFrame) -> PreparedModel:
        """Make the inputs ready, and learn from them."""
        number = np.array([name in self.numbers for name in self.names], dtype=np.bool_)
        preparation = Preparation.of(_matrix(table, self.names), number, least=self.least)
        ready = Ready(self.names, preparation)
        model = self.make(ready.kept).fit(ready.table(table))
        if not isinstance(model, ScoreModel):
            raise BadRisks(
                "learner", reason="gives no scores", remedy="choose a learner with score(table)"
            )
        return PreparedModel(ready, model)


@dataclass(frozen=True, eq=False)
class Ready:
    """A preparation of named columns."""

    names: tuple[str, ...]
    preparation: Preparation

    @property
    def kept(self) -> tuple[str, ...]:
        """The inputs that are used."""
        return tuple(self.names[i] for i in self.preparation.kept)

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        """A table whose inputs are ready."""
        x = self.preparation.apply(_matrix(table, self.names))
        columns = [pl.Series(name, x[:, i]) for i, name in enumerate(self.kept)]
        return table.drop(self.names).with_columns(columns)


@dataclass(frozen=True, eq=False)
class PreparedModel:
    """A model that makes its inputs ready itself.

    Attributes:
        ready: how.
        model: of the inputs that are ready.
    """

    ready: Ready
    model: ScoreModel

    def score(self, table: pl.DataFrame) -> Floats:
        """(m,) what the model says, whatever is unknown."""
        return self.model.score(self.ready.table(table))


def _matrix(table: pl.DataFrame, names: Sequence[str]) -> Floats:
    columns = table.select(pl.col(names).cast(pl.Float64).fill_null(float("nan")))
    return np.asarray(columns.to_numpy(), dtype=np.float64)


def _varies(x: Floats) -> Flags:
    """(p,) whether two known values of an input differ."""
    low = np.where(np.isnan(x), np.inf, x).min(axis=0)
    high = np.where(np.isnan(x), -np.inf, x).max(axis=0)
    return np.asarray(high > low)
