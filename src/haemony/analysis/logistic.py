"""Logistic regression for the analyses that need it: who is treated, who answers, what is missing.

McCullagh P, Nelder JA (1989) Generalized Linear Models. Chapman and Hall. Konis K (2007) Linear
programming algorithms for detecting separated data in binary logistic regression models. DPhil
thesis, University of Oxford.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.optimize import linprog
from scipy.special import expit, xlogy
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.columns import weighted_square
from haemony.analysis.survival.data.complete import Missing, known_columns
from haemony.analysis.survival.data.design import Design
from haemony.analysis.survival.data.formula import Model
from haemony.analysis.survival.data.frames import Tabular, column_names, polars_table
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    ConstantCovariate,
    NothingToAnalyse,
)
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox_data import check_squares
from haemony.analysis.survival.regression.newton import check_independent, inverse, solve

MOST_STEPS = 50
MOST_HALVINGS = 30
CONVERGED = 1e-20
SUSPICIOUS = 12.0
INTERCEPT = "(Intercept)"


@dataclass(frozen=True, eq=False)
class Logistic:
    """A fitted logistic regression with p coefficients, the first of them the intercept.

    Attributes:
        outcome: the column that is explained.
        names: (p,) the coefficients' names.
        coefficients: (p,) log odds ratios.
        standard_errors: (p,) from the expected information.
        covariance: (p, p) of the coefficients.
        deviance: twice the distance of the log-likelihood from a perfect fit.
        null_deviance: the same without covariates.
        fitted: (n,) probabilities of the rows analysed.
        truth: (n,) what they were.
        separated: (p,) which coefficients have no finite estimate.
        n: rows analysed.
        events: rows where the outcome is true.
        missing: rows left out as incomplete.
        notes: what a reader must know.
        converged: whether the maximum was reached.
        x: (n, p) the columns, the intercept first.
        design: how table columns become these.
    """

    outcome: str
    names: tuple[str, ...]
    coefficients: Floats
    standard_errors: Floats
    covariance: Floats
    deviance: float
    null_deviance: float
    fitted: Floats
    truth: Flags
    separated: Flags
    n: int
    events: int
    missing: Missing
    notes: tuple[str, ...]
    converged: bool
    x: Floats
    design: Design | None

    def __str__(self) -> str:
        """Counts, the table of coefficients, and the deviances."""
        return printing.page(
            printing.counted(self.n, self.events, self.missing.rows),
            printing.grid(self.table(), p_values=("p",)),
            f"deviance {self.deviance:.4g}, without covariates {self.null_deviance:.4g}",
            notes=self.notes,
        )

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per coefficient: term, estimate, std_err, odds_ratio, lower, upper, z, p."""
        half = normal_quantile(level) * self.standard_errors
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.coefficients + side * half) for side in (0, -1, 1)]
        z = self.coefficients / self.standard_errors
        return pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.coefficients,
                "std_err": self.standard_errors,
                "odds_ratio": ratios[0],
                "lower": ratios[1],
                "upper": ratios[2],
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
            }
        )

    @cached_property
    def discrimination(self) -> float:
        """The c-statistic: how often a true row has a higher probability than a false one."""
        order = pl.Series(self.fitted).rank("average").to_numpy()
        true, false = self.events, self.n - self.events
        return float((order[self.truth].sum() - true * (true + 1) / 2) / (true * false))

    def predict(self, table: pl.DataFrame) -> Floats:
        """(m,) probabilities of other rows."""
        if self.design is None:
            raise BadFormula(self.outcome, reason="the fit came from arrays and knows no columns")
        x = self.design.matrix(table)
        return np.asarray(expit(self.coefficients[0] + x @ self.coefficients[1:]))

    @cached_property
    def influence(self) -> Floats:
        """(n, p) change of the coefficients that each row causes, to first order."""
        return (self.x * (self.truth - self.fitted)[:, None]) @ self.covariance


@dataclass(frozen=True, eq=False)
class Rows:
    """The complete rows of a table for a formula whose left side is one true-or-false column."""

    outcome: str
    model: Model
    table: pl.DataFrame
    truth: Flags
    missing: Missing
    kept: Flags


def read_rows(formula: str, table: Tabular, *also: str) -> Rows:
    """Read "outcome ~ age + NPM1" and keep the rows that are complete.

    Args:
        formula: its right side is that of every other formula here.
        table: the columns that it names.
        also: further columns that must be complete.
    """
    if not isinstance(formula, str):
        raise BadFormula(str(formula), reason="it is no text")
    left, right = formulas.sides(formula) if "~" in formula else ("", "")
    outcome = left.strip().strip("`")
    if not outcome or "Surv(" in left:
        raise BadFormula(formula, reason="its left side must be one true-or-false column")
    response = formulas.quoted(outcome)
    model = formulas.read(f"Surv({response}, {response}) ~ {right}")
    needed = list(dict.fromkeys([*model.columns, *also]))
    chosen = complete_columns(table, needed)
    kept = ~chosen.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()
    if not kept.any():
        raise NothingToAnalyse(
            "no row has all the variables of the formula",
            remedy="leave out the variable that is missing most often",
        )
    counts = zip(needed, chosen.null_count().row(0), strict=True)
    missing = Missing(int((~kept).sum()), {name: count for name, count in counts if count})
    rows = chosen.filter(kept)
    return Rows(outcome, model, rows, true_or_false(rows[outcome]), missing, kept)


def complete_columns(table: Tabular, names: Sequence[str]) -> pl.DataFrame:
    """The columns of these names, NaN as null; an unknown name is refused."""
    known = known_columns(names, column_names(table))
    chosen = polars_table(table, known)
    return chosen.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def true_or_false(column: pl.Series) -> Flags:
    """A column as truth values: 0 and 1, Boolean, or an Enum of two whose second is true."""
    if isinstance(column.dtype, pl.Enum) and len(column.dtype.categories) == 2:
        return np.asarray(column.to_physical().to_numpy() == 1)
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        values = column.cast(pl.Float64)
        if values.is_in([0.0, 1.0]).all():
            return np.asarray(values.to_numpy() == 1)
    raise BadCovariate(
        column.name,
        reason="is not coded as 0 and 1, as truth values, or as two categories",
        remedy="recode it so that 1 or true means yes",
    )


def logistic(formula: str, table: Tabular) -> Logistic:
    """Fit a logistic regression by maximum likelihood, as R's `glm(family = binomial)`.

    Args:
        formula: such as "transplanted ~ age + log1p(wbc)".
        table: the columns that it names; incomplete rows are left out and counted.

    Raises:
        NothingToAnalyse: every outcome is the same.
        ConstantCovariate: a covariate never varies.
        CollinearCovariates: covariates cannot be told apart.

    >>> table = pl.DataFrame({"cr": [0, 0, 1, 1, 0, 1, 1, 0],
    ...     "age": [71, 64, 35, 40, 38, 66, 29, 55]})
    >>> logistic("cr ~ age", table).coefficients.round(3)
    array([ 3.555, -0.072])
    """
    rows = read_rows(formula, table)
    model = rows.model
    beside = formulas.beside_covariates(model)
    if beside:
        raise BadFormula(formula, reason=f"a logistic regression has no {beside}")
    design, x = Design.of(model, rows.table)
    return fit_logistic(
        x, rows.truth, design.names, outcome=rows.outcome, missing=rows.missing, design=design
    )


def fit_logistic(
    x: Floats,
    truth: Flags,
    names: Sequence[str],
    *,
    weights: Floats | None = None,
    outcome: str = "outcome",
    missing: Missing | None = None,
    design: Design | None = None,
) -> Logistic:
    """Fit a logistic regression to columns x (n, p - 1), which lack the intercept."""
    y = truth.astype(np.float64)
    weight = np.ones(len(y)) if weights is None else weights
    share = float(weight @ y / weight.sum())
    if not 0 < share < 1:
        raise NothingToAnalyse(
            f"{outcome!r} is {'always' if share else 'never'} true, so nothing can be explained",
            remedy="check its coding and which rows were left out as incomplete",
        )
    check_squares(x.min(axis=0), x.max(axis=0), names)
    spread = x.std(axis=0)
    if not np.ptp(x, axis=0).all():
        raise ConstantCovariate([n for n, s in zip(names, np.ptp(x, axis=0), strict=True) if not s])
    centre = x.mean(axis=0)
    scaled = np.column_stack([np.ones(len(y)), (x - centre) / spread])
    check_independent(weighted_square(scaled, weight)[1:, 1:] / weight.sum(), names)
    beta, converged = _climb(scaled, y, weight, share)
    fitted = expit(scaled @ beta)
    separated = np.zeros(len(beta), dtype=bool)
    if not converged or np.abs(scaled @ beta).max() > SUSPICIOUS:
        separated = _separated(scaled[weight > 0], y[weight > 0])
    back = _back(centre, spread)
    covariance = back @ inverse(_information(scaled, fitted, weight)) @ back.T
    return Logistic(
        outcome=outcome,
        names=(INTERCEPT, *names),
        coefficients=back @ beta,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        deviance=_deviance(y, fitted, weight),
        null_deviance=_deviance(y, np.full_like(y, share), weight),
        fitted=fitted,
        truth=truth,
        separated=separated,
        n=len(y),
        events=int(truth.sum()),
        missing=missing or Missing(),
        notes=(*(design.notes if design else ()), *_notes(separated, names, outcome, converged)),
        converged=converged,
        x=np.column_stack([np.ones(len(y)), x]),
        design=design,
    )


def _climb(x: Floats, y: Floats, weight: Floats, share: float) -> tuple[Floats, bool]:
    """Newton's method, which is iteratively reweighted least squares here."""
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(share / (1 - share))
    here = _deviance(y, expit(x @ beta), weight)
    for _ in range(MOST_STEPS):
        fitted = expit(x @ beta)
        step = solve(_information(x, fitted, weight), x.T @ (weight * (y - fitted)))
        gain = float(step @ (x.T @ (weight * (y - fitted))))
        if gain < CONVERGED * max(1.0, here):
            return beta, True
        if here < 1e-8:
            return beta, False
        for halving in range(MOST_HALVINGS):
            candidate = beta + step / 2**halving
            there = _deviance(y, expit(x @ candidate), weight)
            if there <= here * (1 + 1e-14):
                break
        else:
            return beta, gain < 1e-10
        beta, here = candidate, there
        if np.abs(x @ beta).max() > 25:
            return beta, False
    return beta, False


def _information(x: Floats, fitted: Floats, weight: Floats) -> Floats:
    information = weighted_square(x, weight * fitted * (1 - fitted))
    floor = 1e-14 * np.abs(np.diag(information)).max()
    return np.asarray(information + floor * np.eye(len(information)))


def _deviance(y: Floats, fitted: Floats, weight: Floats) -> float:
    with np.errstate(divide="ignore"):
        return float(-2 * weight @ (xlogy(y, fitted) + xlogy(1 - y, 1 - fitted)))


def _back(centre: Floats, spread: Floats) -> Floats:
    """The matrix (p, p) from coefficients of scaled columns to those of the columns given."""
    back = np.diag(np.concatenate([[1.0], 1 / spread]))
    back[0, 1:] = -centre / spread
    return back


def _separated(x: Floats, y: Floats) -> Flags:
    """Which coefficients (p,) grow without bound: Konis' linear programme."""
    signed = x * np.where(y > 0, 1.0, -1.0)[:, None]
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(y)),
        bounds=[(-1, 1)] * x.shape[1],
        method="highs",
    )
    if found.x is None:
        return np.zeros(x.shape[1], dtype=bool)
    return np.asarray(np.abs(found.x) > 1e-7)


def _notes(
    separated: Flags, names: Sequence[str], outcome: str, converged: bool
) -> tuple[str, ...]:
    involved = [name for name, lost in zip(names, separated[1:], strict=True) if lost]
    if involved:
        return (
            f"{', '.join(involved)}: no finite estimate, because some of their values go with "
            f"{outcome} always or never (separation); the standard errors mean nothing",
        )
    return () if converged else ("the fit did not converge; do not use it",)
