"""Many covariates, few events: a Cox model that chooses among them.

Tibshirani R (1997) The lasso method for variable selection in the Cox model. Statistics in Medicine
16:385-395. Simon N, Friedman J, Hastie T, Tibshirani R (2011) Regularization paths for Cox's
proportional hazards model via coordinate descent. Journal of Statistical Software 39(5),
doi:10.18637/jss.v039.i05. Verweij PJM, van Houwelingen HC (1993) Cross-validation in survival
analysis. Statistics in Medicine 12:2305-2314.

Minus the log partial likelihood over the total weight, plus lambda times the penalty, is lowest at
each point of the path: Newton steps with the full information among the covariates that are in,
and a look at the slope of those that are not. The conditions of the optimum hold to 1e-9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.columns import predictors
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.frames import Tabular, is_table, polars_table
from haemony.analysis.survival.data.given import generator, number, whole_number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse, UnknownCoefficient
from haemony.analysis.survival.regression.cox_data import CoxData, cox_data
from haemony.analysis.survival.regression.partial_likelihood import Moments, PartialLikelihood, Ties
from haemony.analysis.survival.regression.risk_sets import RiskSets
from haemony.analysis.survival.regression.scaled import Scaled

SETTLED = 1e-7
"""The largest step of a coefficient after which Newton's next one would be below rounding error."""
SLACK = 1e-9
MOST_STEPS = 200
MOST_ROUNDS = 500
SWEEPS = 3
ROUNDING = 1e-14
"""How far a condition of the optimum may be from met when nothing but rounding is left."""
EXTREME = 1e-150
"""A relative hazard whose square is hardly a number any more."""
Choice = Literal["best", "simple"]


@dataclass(frozen=True, eq=False)
class PenaltyChoice:
    """How well each of L penalties predicts patients it has not seen.

    Attributes:
        deviance: (L,) mean over folds of the cross-validated partial deviance per event: that of
            all patients less that of those fitted (Verweij and van Houwelingen 1993).
        std_err: (L,) its standard error over folds.
        best: position of the lowest deviance.
        simple: position of the largest penalty within one standard error of it.
        folds: (n,) the fold of each analysed row.
    """

    deviance: Floats
    std_err: Floats
    best: int
    simple: int
    folds: Integers


@dataclass(frozen=True, eq=False)
class ElasticNet:
    """A path of penalised Cox models, from the largest penalty to the smallest.

    Attributes:
        names: (p,) the coefficients' names.
        penalties: (L,) values of lambda, falling.
        coefficients: (L, p) log hazard ratios per unit of the covariates as given.
        log_likelihood: (L,) log partial likelihoods.
        null: the log partial likelihood without covariates.
        mix: 1 for the lasso, 0 for a ridge.
        n: rows analysed.
        events: rows that end with the event.
        missing: rows left out as incomplete.
        validation: the choice of a penalty, or None when none was asked for.
        design: how table columns become covariates.
    """

    names: tuple[str, ...]
    penalties: Floats
    coefficients: Floats
    log_likelihood: Floats
    null: float
    mix: float
    n: int
    events: int
    missing: Missing
    validation: PenaltyChoice | None
    design: Design | None

    def table(self) -> pl.DataFrame:
        """One row per penalty: penalty, chosen, gain, deviance, std_err; null if not validated.

        chosen counts coefficients that are not zero, gain is twice the rise in log-likelihood.
        """
        tested = self.validation
        return pl.DataFrame(
            {
                "penalty": self.penalties,
                "chosen": np.count_nonzero(self.coefficients, axis=1),
                "gain": 2 * (self.log_likelihood - self.null),
                "deviance": None if tested is None else tested.deviance,
                "std_err": None if tested is None else tested.std_err,
            },
            schema_overrides={"deviance": pl.Float64, "std_err": pl.Float64},
        )

    def chosen(self, at: Choice | int = "best") -> pl.DataFrame:
        """The coefficients that are not zero: term, estimate, hazard_ratio, largest first.

        They have no standard errors: those of a refit would not know of the choice.
        """
        row = self.coefficients[self._position(at)]
        kept = np.flatnonzero(row)
        kept = kept[np.argsort(-np.abs(row[kept]), kind="stable")]
        return pl.DataFrame(
            {
                "term": [self.names[i] for i in kept],
                "estimate": row[kept],
                "hazard_ratio": np.exp(row[kept]),
            },
            schema_overrides={"term": pl.String},
        )

    def score(self, rows: Tabular | ArrayLike, at: Choice | int = "best") -> Floats:
        """(m,) linear predictors of patients, higher for a higher hazard."""
        if is_table(rows):
            table = polars_table(rows)
            x = self.design.matrix(table) if self.design else table.select(self.names).to_numpy()
        else:
            x = np.atleast_2d(np.asarray(rows, dtype=np.float64))
        return predictors(x, np.zeros(x.shape[1]), self.coefficients[self._position(at)])

    def __str__(self) -> str:
        """Print what was chosen."""
        position = self._position("best") if self.validation else len(self.penalties) - 1
        said = (
            f"Penalty {self.penalties[position]:.4g} (mix {self.mix:g}), "
            f"{np.count_nonzero(self.coefficients[position])} of {len(self.names)} chosen"
        )
        return printing.page(
            printing.counted(self.n, self.events, self.missing.rows),
            printing.grid(self.chosen(position)),
            said,
        )

    def _position(self, at: Choice | int) -> int:
        if at not in get_args(Choice):
            return whole_number(at, "at", least=0, most=len(self.penalties) - 1)
        if self.validation is None:
            raise BadCovariate(
                "at", reason=f"is {at!r} without cross-validation", remedy="give folds=10"
            )
        return self.validation.best if at == "best" else self.validation.simple


@dataclass(frozen=True, eq=False)
class Problem:
    """One penalised likelihood, its covariates scaled.

    Attributes:
        likelihood: of all p covariates.
        total: the weight of all rows.
        lasso: (p,) multipliers of lambda for absolute coefficients.
        ridge: (p,) multipliers of lambda for half the squared ones.
    """

    likelihood: PartialLikelihood
    total: float
    lasso: Floats
    ridge: Floats

    def cost(self, moments: Moments, beta: Floats, kept: Integers, size: float) -> float:
        """What is made as small as possible."""
        shrunk = self.lasso[kept] @ np.abs(beta) + self.ridge[kept] @ beta**2 / 2
        return float(-moments.log_likelihood / self.total + size * shrunk)

    def slopes(self, moments: Moments) -> Floats:
        """(p,) derivatives of the log-likelihood over the total weight, covariates out included."""
        part = self.likelihood
        return (part.observed - part.x.total(moments.expected())) / self.total

    def among(self, kept: Integers) -> PartialLikelihood:
        """The likelihood of some covariates alone."""
        return replace(self.likelihood, x=self.likelihood.x.among(kept))

    def solve(self, beta: Floats, size: float) -> tuple[Floats, Moments]:
        """The best coefficients (p,) at one lambda, from some near them."""
        kept = np.flatnonzero((beta != 0) | (self.lasso == 0))
        for _ in range(MOST_ROUNDS):
            found, moments = self._newton(kept, beta[kept], size)
            beta = np.zeros(len(self.lasso))
            beta[kept] = found
            slopes = np.abs(self.slopes(moments)) - size * self.lasso
            slopes[kept] = -np.inf
            worst = np.flatnonzero(slopes > SLACK)
            if not worst.size:
                break
            worst = worst[np.argsort(-slopes[worst], kind="stable")][: max(10, len(kept))]
            kept = np.union1d(np.flatnonzero((beta != 0) | (self.lasso == 0)), worst)
        return beta, moments

    def _newton(self, kept: Integers, beta: Floats, size: float) -> tuple[Floats, Moments]:
        part = self.among(kept)
        lasso, ridge = size * self.lasso[kept], size * self.ridge[kept]
        here = part.at(beta)
        for _ in range(MOST_STEPS):
            if not kept.size:
                break
            aim = _quadratic(
                here.information() / self.total, here.score() / self.total, beta, lasso, ridge
            )
            step, height = aim - beta, self.cost(here, beta, kept, size)
            for halving in range(30):
                candidate = beta + step / 2**halving
                there = part.at(candidate)
                if self.cost(there, candidate, kept, size) <= height + 1e-14 * abs(height):
                    break
            far = there.relative_hazard
            if not EXTREME < far.min() <= far.max() < 1 / EXTREME:
                raise NothingToAnalyse(
                    "covariates tell the order of the events so well that hazards run beyond any "
                    "number",
                    remedy="leave out the one that decides the time, or raise `smallest`",
                )
            moved = float(np.abs(candidate - beta).max())
            beta, here = candidate, there
            if moved < SETTLED:
                break
        return beta, here


def elastic_net(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    covariates: ArrayLike | None = None,
    mix: float = 1.0,
    free: tuple[str, ...] = (),
    weights: str | ArrayLike | None = None,
    ties: Ties = "breslow",
    steps: int = 100,
    smallest: float | None = None,
    folds: int | ArrayLike | None = None,
    seed: int = 0,
) -> ElasticNet:
    """Fit a path of Cox models with an elastic-net penalty, and choose one by cross-validation.

    Defaults are those of R's glmnet: Breslow's ties, 100 penalties down to 1e-4 of the first (1e-2
    with fewer rows than covariates), covariates scaled to (weighted) variance one.

    Args:
        formula: as for `cox`, with strata and offset; or a `Surv`.
        table: the columns that the formula names.
        covariates: (n, p) numbers, when a `Surv` is given.
        mix: 1 for the lasso, 0 for a ridge (which then has no first penalty of its own).
        free: names of coefficients that are not penalised.
        weights: a column of case weights, or (n,) weights.
        ties: Breslow's or Efron's treatment of tied deaths.
        steps: how many penalties.
        smallest: the last penalty over the first.
        folds: how many, or (n,) the fold of each row of the table that is complete; None for no
            cross-validation. Folds are drawn within strata of the event.
        seed: of the draw of folds.

    Raises:
        BadCovariate: an option is out of range.
        UnknownColumn: a free coefficient is not in the model.

    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 3))
    >>> days = rng.exponential(np.exp(-x[:, 0]))
    >>> path = elastic_net(Surv.right(days, np.ones(200)), covariates=x, folds=5, seed=1)
    >>> path.chosen("simple")["term"].to_list()
    ['x1']
    """
    mix, steps = number(mix, "mix", least=0, most=1), whole_number(steps, "steps", least=1)
    if smallest is not None:
        smallest = number(smallest, "smallest", above=0, below=1)
    data, design, missing = cox_data(formula, table, covariates=covariates, weights=weights)
    for name in free:
        if name not in data.names:
            raise UnknownCoefficient(name, known=data.names)
    if not data.names:
        raise NothingToAnalyse(
            "no covariate varies", remedy="name some, or look at which rows were left out"
        )
    factor = np.array([0.0 if name in free else 1.0 for name in data.names])
    if not factor.any():
        raise BadCovariate("free", reason="leaves nothing to penalise", remedy="use cox")
    factor *= len(factor) / factor.sum()
    scaled = _scaled(data, ties)
    problem = _problem(scaled.partial, factor, mix)
    shrink = 1e-2 if len(data.response) < len(factor) else 1e-4
    sizes = _sizes(problem, mix, steps, shrink if smallest is None else smallest)
    path, heights = _path(problem, sizes)
    chosen = None
    if folds is not None:
        fold = _folds(folds, data, seed)
        chosen = _validate(data, ties, scaled, factor, mix, sizes, fold)
    return ElasticNet(
        names=data.names,
        penalties=sizes,
        coefficients=path / scaled.scale,
        log_likelihood=heights,
        null=scaled.partial.at(np.zeros(len(factor))).log_likelihood,
        mix=mix,
        n=len(data.response),
        events=int(np.count_nonzero(data.response.died)),
        missing=missing,
        validation=chosen,
        design=design,
    )


def _scaled(data: CoxData, ties: Ties) -> Scaled:
    """Scaled by the weighted spread of the covariates: a weight of two is two patients."""
    sets = RiskSets.of(data.response, data.strata.codes)
    share = data.weights / data.weights.sum()
    variance = share @ (data.x - share @ data.x) ** 2
    spread = np.where(data.columns.span > 0, np.sqrt(variance), 0.0)
    return Scaled.of(data, ties, sets, spread=spread)


def _problem(likelihood: PartialLikelihood, factor: Floats, mix: float) -> Problem:
    return Problem(likelihood, float(likelihood.weight.sum()), mix * factor, (1 - mix) * factor)


def _sizes(problem: Problem, mix: float, steps: int, smallest: float) -> Floats:
    """Penalties from the first at which nothing penalised is in."""
    free = np.flatnonzero(problem.lasso + problem.ridge == 0)
    start = np.zeros(len(problem.lasso))
    _, moments = problem._newton(free, start[free], 0.0)
    pull = problem.lasso + problem.ridge
    slopes = np.abs(problem.slopes(moments))[pull > 0] / pull[pull > 0]
    first = float(slopes.max()) / max(mix, 1e-3)
    return np.asarray(first * smallest ** np.linspace(0, 1, steps))


def _path(problem: Problem, sizes: Floats) -> tuple[Floats, Floats]:
    """Coefficients (L, p) and log-likelihoods (L,), each point started from the one before."""
    beta = np.zeros(len(problem.lasso))
    rows, heights = [], []
    for size in sizes:
        beta, moments = problem.solve(beta, float(size))
        rows.append(beta)
        heights.append(moments.log_likelihood)
    return np.array(rows), np.array(heights)


def _folds(folds: int | ArrayLike, data: CoxData, seed: int) -> Integers:
    if np.ndim(folds):
        given = np.unique(np.asarray(folds), return_inverse=True)[1].astype(np.intp)
        if len(given) != len(data.response) or given.max() < 1:
            raise BadCovariate(
                "folds", reason="do not name a fold for each row", remedy="give two or more folds"
            )
        return given
    events = int(np.count_nonzero(data.response.died))
    count = whole_number(folds, "folds", least=2, most=events)
    rng = generator(seed)
    units = np.arange(len(data.response)) if data.cluster is None else data.cluster
    died = np.bincount(units, data.response.died) > 0
    fold = np.empty(len(died), dtype=np.intp)
    for kind in (False, True):
        mine = np.flatnonzero(died == kind)
        fold[mine] = rng.permutation(np.arange(len(mine)) % count)
    return fold[units]


def _validate(
    data: CoxData,
    ties: Ties,
    whole: Scaled,
    factor: Floats,
    mix: float,
    sizes: Floats,
    folds: Integers,
) -> PenaltyChoice:
    count = int(folds.max()) + 1
    deviance, weight = np.empty((count, len(sizes))), np.empty(count)
    for k in range(count):
        train = _subset(data, folds != k)
        scaled = _scaled(train, ties)
        path, heights = _path(_problem(scaled.partial, factor, mix), sizes)
        moved = path / scaled.scale * whole.scale
        full = np.array([whole.partial.at(beta).log_likelihood for beta in moved])
        out = folds == k
        weight[k] = data.weights[out] @ data.response.died[out]
        ceiling = _saturated(whole.partial) - _saturated(scaled.partial)
        deviance[k] = 2 * (ceiling - full + heights) / weight[k]
    mean = np.average(deviance, axis=0, weights=weight)
    if not np.isfinite(mean).all():
        raise NothingToAnalyse(
            "some patients are so unlike all others that they cannot be predicted",
            remedy="look for codes that stand for unknown, or take logarithms",
        )
    spread = np.average((deviance - mean) ** 2, axis=0, weights=weight)
    std_err = np.sqrt(spread / (count - 1))
    best = int(mean.argmin())
    simple = int(np.flatnonzero(mean <= mean[best] + std_err[best])[0])
    return PenaltyChoice(mean, std_err, best, simple, folds)


def _saturated(likelihood: PartialLikelihood) -> float:
    """The log partial likelihood if each death could be foreseen."""
    died = likelihood.sets.sum_of_dead(likelihood.weight)
    return float(-died @ np.log(died))


def _subset(data: CoxData, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> CoxData:
    """The data of some rows; covariates that do not vary there get a scale of one."""
    response = data.response
    start = None if response.start is None else response.start[rows]
    return replace(
        data,
        response=Surv(response.stop[rows], response.event[rows], start, response.states),
        x=data.x[rows],
        strata=replace(data.strata, codes=data.strata.codes[rows]),
        cluster=None if data.cluster is None else data.cluster[rows],
        weights=data.weights[rows],
        offset=data.offset[rows],
    )


def _quadratic(
    information: Floats, slope: Floats, beta: Floats, lasso: Floats, ridge: Floats
) -> Floats:
    """The lowest point of a quadratic with an elastic-net penalty around coefficients (p,).

    A few sweeps over the coordinates guess which coefficients are zero and the signs of the others;
    the linear equations then give the point exactly, unless the guess was wrong.
    """
    target = slope + information @ beta
    same = _with_signs(information, target, np.sign(beta), lasso, ridge)
    if same is not None:
        return same
    found = _swept(information, target, beta, lasso, ridge)
    exact = _with_signs(information, target, np.sign(found), lasso, ridge)
    if exact is None:
        exact = _by_signs(information, target, found, lasso, ridge)
    for _ in range(MOST_ROUNDS):
        if exact is not None:
            return exact
        before, found = found, _swept(information, target, found, lasso, ridge)
        if np.abs(found - before).max(initial=0.0) < 1e-13:
            break
        exact = _with_signs(information, target, np.sign(found), lasso, ridge)
    return found


def _swept(
    information: Floats, target: Floats, beta: Floats, lasso: Floats, ridge: Floats
) -> Floats:
    """Coefficients (p,) after a few sweeps over them, each made best beside the others."""
    found = beta.copy()
    curve = np.diag(information) + ridge
    rest = target - information @ found
    for _ in range(SWEEPS):
        for j in np.flatnonzero(curve > 0):
            pull = rest[j] + information[j, j] * found[j]
            value = np.sign(pull) * max(abs(pull) - lasso[j], 0.0) / curve[j]
            if value != found[j]:
                rest -= information[:, j] * (value - found[j])
                found[j] = value
    return found


def _by_signs(
    information: Floats, target: Floats, beta: Floats, lasso: Floats, ridge: Floats
) -> Floats | None:
    """The lowest point from near it, by search among signs; None where equations are singular.

    Each turn solves for the signs held, goes as far towards that point as the height falls, and
    lets a coefficient in or out. Lee H, Battle A, Raina R, Ng AY (2007) Efficient sparse coding
    algorithms. Advances in Neural Information Processing Systems 19:801-808.
    """
    square = information + np.diag(ridge)
    found, signs = beta.copy(), np.sign(beta)
    for _ in range(MOST_ROUNDS):
        kept = np.flatnonzero((signs != 0) | (lasso == 0))
        left, pull = square[np.ix_(kept, kept)], target[kept]
        try:
            aim = np.linalg.solve(left, pull - lasso[kept] * signs[kept])
        except np.linalg.LinAlgError:
            return None
        here = _lower(left, pull, lasso[kept], found[kept], np.asarray(aim, dtype=np.float64))
        if here is None:
            return None
        found[kept] = here
        held, signs = signs, np.sign(found)
        if np.any((signs != held)[lasso > 0]) or not np.array_equal(here, aim):
            continue
        rest = target - square @ found
        beyond = np.abs(rest) - lasso
        beyond[kept] = -1.0
        worst = int(beyond.argmax())
        if beyond[worst] <= ROUNDING:
            return found
        signs[worst] = np.sign(rest[worst])
    return None


def _lower(
    square: Floats, target: Floats, lasso: Floats, start: Floats, aim: Floats
) -> Floats | None:
    """The lowest of the points between two (k,) where a coefficient is 0, and of the second.

    None where none of them is lower than the first.
    """
    step = aim - start
    turned = np.flatnonzero(start * aim < 0)
    shares = np.append(start[turned] / -step[turned], 1.0)
    points = start + shares[:, None] * step
    points[np.arange(len(turned)), turned] = 0.0
    points[-1] = aim
    slope, curve = float((square @ start - target) @ step), float(step @ square @ step)
    heights = shares * slope + shares**2 / 2 * curve + (np.abs(points) - np.abs(start)) @ lasso
    best = int(heights.argmin())
    return points[best] if heights[best] <= ROUNDING else None


def _with_signs(
    information: Floats, target: Floats, signs: Floats, lasso: Floats, ridge: Floats
) -> Floats | None:
    """The point with these signs, or None where it breaks them."""
    kept = np.flatnonzero((signs != 0) | (lasso == 0))
    found = np.zeros(len(signs))
    if kept.size:
        left = information[np.ix_(kept, kept)] + np.diag(ridge[kept])
        try:
            found[kept] = np.linalg.solve(left, target[kept] - lasso[kept] * signs[kept])
        except np.linalg.LinAlgError:
            return None
    held = lasso[kept] > 0
    if np.any(np.sign(found[kept])[held] != signs[kept][held]):
        return None
    rest = np.abs(target - information @ found) - lasso
    rest[kept] = -1.0
    return found if np.all(rest <= ROUNDING) else None
