"""Ways to make a prediction model, each of which can be handed to the resampling.

A learner sees training patients only; whatever it selects or tunes, it does there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis import random_effects
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import complete, groups_of
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.formula import beside_covariates, quoted, read, sides
from haemony.analysis.survival.data.given import times_asked
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.faults import BadCovariate, BadFormula
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.elastic_net import Choice, ElasticNet, elastic_net
from haemony.analysis.survival.regression.new_patients import FARTHEST


@runtime_checkable
class RiskModel(Protocol):
    """A fitted model that gives probabilities."""

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) probabilities of the event by each time, NaN for incomplete rows."""


@runtime_checkable
class ScoreModel(Protocol):
    """A fitted model that gives scores."""

    def score(self, table: pl.DataFrame) -> Floats:
        """(m,) numbers that rise with the risk, NaN for incomplete rows."""


class Learner(Protocol):
    """A recipe from training patients to a model."""

    def fit(self, table: pl.DataFrame) -> RiskModel | ScoreModel:
        """The model learnt from these patients."""


@dataclass(frozen=True)
class CoxLearner:
    """A Cox model by formula.

    Attributes:
        formula: such as "Surv(os_days, os_event) ~ age + NPM1 + strata(study)".

    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> CoxLearner("Surv(days, died) ~ x").fit(table).risk(table[:1], [2]).round(3)
    array([[0.337]])
    """

    formula: str

    def fit(self, table: pl.DataFrame) -> CoxModel:
        """Fit it to the complete rows."""
        if read(self.formula).offset:
            raise BadFormula(self.formula, reason="a prediction model cannot have an offset")
        return CoxModel(cox(self.formula, table))


@dataclass(frozen=True, eq=False)
class CoxModel:
    """A fitted Cox model that predicts for whole tables.

    Attributes:
        fit: the model.
    """

    fit: CoxFit

    def score(self, table: pl.DataFrame) -> Floats:
        """(m,) log relative hazards; NaN for incomplete rows."""
        whole = predictable(self.fit.design, table)
        score = np.full(table.height, np.nan)
        if whole.any():
            score[whole] = self._predictor(table.filter(pl.Series(whole)))
        return score

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) one minus survival; NaN for incomplete rows and strata the fit never saw."""
        wanted = times_asked(times)
        relative, stratum = _relative(self.score(table)), self._stratum(table)
        hazard = np.full((len(self.fit.data.strata.labels) + 1, wanted.size), np.nan)
        for code in range(len(hazard) - 1):
            at, total = self.cumulative(code)
            hazard[code] = np.concatenate([[0.0], total])[np.searchsorted(at, wanted, side="right")]
        return np.asarray(-np.expm1(-relative[:, None] * hazard[stratum]))

    def cumulative(self, stratum: int = 0) -> tuple[Floats, Floats]:
        """Times (K,) and the cumulative hazard (K,) of mean covariates in a stratum."""
        baseline = self.fit.baseline_hazard()
        label = self.fit.data.strata.labels[stratum]
        mine = baseline.filter(pl.col("stratum") == label)
        return mine["time"].to_numpy(), mine["hazard"].to_numpy()

    def _predictor(self, table: pl.DataFrame) -> Floats:
        if self.fit.design is None or not self.fit.names:
            return np.zeros(table.height)
        x = self.fit.design.matrix(table)
        return predictors(x, self.fit.means, self.fit.coefficients)

    def _stratum(self, table: pl.DataFrame) -> Integers:
        """(m,) codes of strata; those never seen have one of their own, the last."""
        labels = self.fit.data.strata.labels
        if not self.fit.data.strata.columns:
            return np.zeros(table.height, dtype=np.intp)
        codes = np.full(table.height, len(labels), dtype=np.intp)
        whole = whole_rows(table, self.fit.data.strata.columns)
        of = groups_of(table.filter(pl.Series(whole)), self.fit.data.strata.columns)
        known = [labels.index(name) if name in labels else len(labels) for name in of.labels]
        codes[whole] = np.array(known, dtype=np.intp)[of.codes]
        return codes


@dataclass(frozen=True)
class PenalisedCox:
    """A Cox model by elastic net, its penalty chosen by cross-validation among training patients.

    Attributes:
        formula: as for `cox`, without strata, offset and cluster.
        mix: 1 for the lasso, 0 for a ridge.
        choice: the penalty with the best deviance, or the "simple" one, the largest within a
            standard error of it.
        folds: of the choice.
        steps: how many penalties to choose from.
        smallest: the smallest of them, as a share of the one at which nothing is in; by default
            that of `elastic_net`.
        seed: of these folds.
    """

    formula: str
    mix: float = 1.0
    choice: Choice = "best"
    folds: int = 10
    steps: int = 100
    seed: int = 1
    smallest: float | None = None

    def fit(self, table: pl.DataFrame) -> PenalisedModel:
        """Fit the path, choose, and estimate Breslow's baseline hazard."""
        model = read(self.formula)
        if beside_covariates(model):
            raise BadFormula(self.formula, reason="here it has plain covariates")
        net = elastic_net(
            self.formula,
            table,
            mix=self.mix,
            folds=self.folds,
            steps=self.steps,
            smallest=self.smallest,
            seed=self.seed,
        )
        data = complete(self.formula, table)
        score = net.score(data.table, self.choice)
        centre = float(score.mean())
        times, hazard = breslow(data.response, score - centre)
        return PenalisedModel(net, self.choice, centre, times, hazard)


@dataclass(frozen=True, eq=False)
class PenalisedModel:
    """A penalised Cox model with a baseline hazard.

    Attributes:
        net: the path of models.
        choice: which of them.
        centre: the mean linear predictor of those fitted, around which patients score.
        times: (K,) ends of follow-up.
        hazard: (K,) cumulative hazard by then of a patient whose score is zero.
    """

    net: ElasticNet
    choice: Choice
    centre: float
    times: Floats
    hazard: Floats

    def score(self, table: pl.DataFrame) -> Floats:
        """(m,) log relative hazards; NaN for incomplete rows."""
        whole = predictable(self.net.design, table)
        score = np.full(table.height, np.nan)
        if whole.any():
            score[whole] = self.net.score(table.filter(pl.Series(whole)), self.choice)
        return score - self.centre

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) one minus survival; NaN for incomplete rows."""
        return risk_of_scores(self.score(table), self.times, self.hazard, times)


@dataclass(frozen=True)
class RandomEffectsCox:
    """A Cox model whose effects come in groups, each shrunk towards the mean of its group.

    Attributes:
        formula: the response, and what is not shrunk, as for `random_effects.cox`.
        groups: the terms of each group.
        means: the groups that have a mean of their own; in others effects are shrunk to zero.
        paired: findings, 0 or 1, whose products are effects of a further group, "pairs".
        together: how many of the patients fitted must carry both findings of a pair.

    >>> table = pl.DataFrame({"days": [4, 3, 1, 1, 2, 2, 3], "died": [1, 1, 1, 0, 1, 1, 0],
    ...     "a": [0, 2, 1, 1, 1, 0, 0], "b": [1, 0, 1, 0, 1, 0, 1]})
    >>> learner = RandomEffectsCox("Surv(days, died) ~ 1", {"genes": ["a", "b"]}, means=())
    >>> learner.fit(table).score(table).shape
    (7,)
    """

    formula: str
    groups: Mapping[str, Sequence[str]]
    means: Collection[str]
    paired: Sequence[str] = ()
    together: float = 10

    def fit(self, table: pl.DataFrame) -> CoxModel:
        """Estimate effects and variances."""
        groups = {name: terms for name, terms in self.groups.items() if terms}
        groups |= {PAIRS: pairs} if (pairs := self._pairs(table)) else {}
        means = [name for name in groups if name in (*self.means, PAIRS)]
        fit = random_effects.cox(self.formula, table, groups=groups, means=means)
        if not fit.converged:
            raise BadCovariate(
                "groups", reason="give a fit that does not settle", remedy="name fewer inputs"
            )
        return CoxModel(fit.as_cox)

    def _pairs(self, table: pl.DataFrame) -> list[str]:
        """The pairs of findings that enough patients carry together."""
        carried = table.select(self.paired).to_numpy().astype(np.float64).round()
        both = np.triu(carried.T @ carried, k=1)
        return [
            f"{quoted(self.paired[a])}:{quoted(self.paired[b])}"
            for a, b in np.argwhere(both >= max(self.together, 1))
        ]


PAIRS = "pairs"
"""The group of the products of findings."""


@dataclass(frozen=True)
class CauseSpecificCox:
    """A Cox model for each cause, put together into the risk of one of them.

    The risk is Σ S(u-) dΛ(u) with S the product of 1 - Σ dΛ over all causes, the default of R's
    `riskRegression::CSC`.

    Attributes:
        formula: such as "Surv(days, outcome) ~ age", outcome as in `aalen_johansen`.
        cause: the event whose risk is predicted.
    """

    formula: str
    cause: str

    def fit(self, table: pl.DataFrame) -> CauseSpecificModel:
        """Fit the models to the complete rows."""
        model = read(self.formula)
        if beside_covariates(model) or len(model.response) > 2:
            raise BadFormula(self.formula, reason="here it has plain covariates and one origin")
        data = complete(self.formula, table, competing=True)
        if self.cause not in data.response.states:
            raise BadFormula(
                self.formula, reason=f"its event is never {self.cause!r} among those analysed"
            )
        left, right = quoted(model.response[0]), sides(self.formula)[1]
        fits = []
        for kind in range(1, len(data.response.states) + 1):
            event = pl.Series(EVENT, data.response.event == kind)
            formula = f"Surv({left}, {EVENT}) ~ {right}"
            fits.append(CoxModel(cox(formula, data.table.with_columns(event))))
        return CauseSpecificModel(tuple(fits), data.response.states.index(self.cause))


EVENT = "event_of_this_cause"
BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class CauseSpecificModel:
    """Fitted cause-specific Cox models; only risks rank patients, not the hazard of one cause.

    Attributes:
        models: one per cause.
        own: the position of the predicted one.
    """

    models: tuple[CoxModel, ...]
    own: int

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) cumulative incidences of the cause; NaN for incomplete rows."""
        wanted = times_asked(times)
        curves = [model.cumulative() for model in self.models]
        grid = np.unique(np.concatenate([at for at, _ in curves]))
        grid = grid[grid <= wanted.max()]
        steps = np.zeros((len(self.models), grid.size))
        for i, (at, total) in enumerate(curves):
            inside = at <= wanted.max()
            steps[i, np.searchsorted(grid, at[inside])] = np.diff(total[inside], prepend=0.0)
        relative = np.exp(np.column_stack([model.score(table) for model in self.models]))
        place = np.searchsorted(grid, wanted, side="right")
        rows = max(1, BLOCK // max(grid.size, 1))
        parts = [
            self._incidence(relative[i : i + rows], steps)[:, place]
            for i in range(0, max(len(relative), 1), rows)
        ]
        return np.concatenate(parts)

    def _incidence(self, relative: Floats, steps: Floats) -> Floats:
        """(m, K + 1) incidence before the first time and after each."""
        survival = np.cumprod(np.maximum(1 - relative @ steps, 0.0), axis=1)
        before = np.column_stack([np.ones(len(relative)), survival[:, :-1]])
        entering = before * (relative[:, [self.own]] * steps[self.own])
        return np.column_stack([np.zeros(len(relative)), np.cumsum(entering, axis=1)])


@dataclass(frozen=True)
class FittedBy:
    """A learner made of two functions, for a model of any library.

    Attributes:
        train: from a table to a fitted model.
        predict: from that model, a table and times (T,) to risks (m, T).
    """

    train: Callable[[pl.DataFrame], Any]
    predict: Callable[[Any, pl.DataFrame, Floats], Floats]

    def fit(self, table: pl.DataFrame) -> _Predicting:
        """Train it.

        Raises:
            BadCovariate: the library fails; how is told, but not its words, which may hold values.
        """
        with _foreign("train"):
            return _Predicting(self.train(table), self.predict)


@dataclass(frozen=True, eq=False)
class _Predicting:
    model: object
    predict: Callable[[Any, pl.DataFrame, Floats], Floats]

    def risk(self, table: pl.DataFrame, times: ArrayLike) -> Floats:
        """(m, T) what the function says."""
        wanted = times_asked(times)
        with _foreign("predict"):
            return np.asarray(self.predict(self.model, table, wanted), dtype=np.float64)


@contextmanager
def _foreign(name: str) -> Iterator[None]:
    """Say which function of another library failed, and how, without its words."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise BadCovariate(
            name, reason=f"raises {type(e).__name__}", remedy="try it on this table by itself"
        ) from e


def breslow(response: Surv, score: Floats) -> tuple[Floats, Floats]:
    """Ends of follow-up (K,) and by then the cumulative hazard (K,) of a patient who scores zero.

    Breslow N (1972) Discussion of Cox's paper. JRSS B 34:216-217.
    """
    grid = Grid.of(response)
    size = len(grid.times)
    risk = suffix_sums(sums_by(grid.stop, np.exp(score), size))
    deaths = sums_by(grid.stop, response.died.astype(np.float64), size)
    return grid.times, np.cumsum(deaths / risk)


def risk_of_scores(score: Floats, at: Floats, hazard: Floats, times: ArrayLike) -> Floats:
    """(m, T) risks of scores (m,) by times (T,), given a cumulative hazard (K,) at times (K,)."""
    wanted = times_asked(times)
    baseline = np.concatenate([[0.0], hazard])[np.searchsorted(at, wanted, side="right")]
    return np.asarray(-np.expm1(-_relative(score)[:, None] * baseline))


def _relative(score: Floats) -> Floats:
    """(m,) relative hazards of scores (m,), held to what a number holds: then risks are 1."""
    return np.exp(np.minimum(score, FARTHEST / 2))


def predictable(design: Design | None, table: pl.DataFrame) -> Flags:
    """(m,) rows without a missing covariate or a level that the fit never saw."""
    if design is None:
        return np.ones(table.height, dtype=np.bool_)
    known = whole_rows(table, design.columns)
    for name, levels in design.categories.items():
        seen = table[name].cast(pl.String).is_in(list(levels)).fill_null(value=False)
        known &= seen.to_numpy()
    return known


def whole_rows(table: pl.DataFrame, columns: tuple[str, ...]) -> Flags:
    """(m,) whether no column is missing."""
    whole = np.ones(table.height, dtype=np.bool_)
    for name in columns:
        column = table[name]
        whole &= column.is_not_null().to_numpy()
        if column.dtype.is_float():
            whole &= ~column.is_nan().fill_null(value=True).to_numpy()
    return whole
