"""Curves and hazard ratios of patients weighted by their chance of the treatment they had.

Cole SR, Hernán MA (2004) Adjusted survival curves with inverse probability weights. Computer
Methods and Programs in Biomedicine 75:45-49. Austin PC (2016) Variance estimation when using
inverse probability of treatment weighting (IPTW) with survival analysis. Statistics in Medicine
35:5642-55.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import norm

from haemony.analysis.causal.contrasts import survival_difference
from haemony.analysis.causal.faults import refuse_own
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.propensity import (
    Balance,
    Estimand,
    Propensity,
    Weights,
    propensity,
    refuse_follow_up,
    safe,
)
from haemony.analysis.causal.times import followed_to, within
from haemony.analysis.logistic import fit_logistic
from haemony.analysis.survival import printing
from haemony.analysis.survival.curves.aalen_johansen import AalenJohansen, aalen_johansen
from haemony.analysis.survival.curves.kaplan_meier import KaplanMeier, kaplan_meier
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.complete import Missing, complete
from haemony.analysis.survival.data.counts import count
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.given import generator
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.faults import (
    BadCovariate,
    BadFormula,
    CollinearCovariates,
    NothingToAnalyse,
)
from haemony.analysis.survival.intervals import ConfType, normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.partial_likelihood import Ties

WEIGHT, ROW = "iptw_weight", "iptw_row"
DRAWS = 20
"""Draws for each resample that is asked for, after which a bootstrap gives up."""


@dataclass(frozen=True, eq=False)
class Iptw:
    """The parts of an analysis weighted by the inverse probability of treatment.

    Attributes:
        formula: the response and the treatment.
        score: the propensity score.
        weights: the weights made from it.
        rows: the n rows analysed, with their weight.
        response: their follow-up.
    """

    formula: str
    score: Propensity
    weights: Weights
    rows: pl.DataFrame
    response: Surv

    @property
    def missing(self) -> Missing:
        """Rows left out as incomplete."""
        return self.score.missing

    @property
    def balance(self) -> Balance:
        """The covariates of both groups before and after weighting."""
        return self.score.balance(self.weights)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model of treatment, the overlap and the weights."""
        worst = self.balance.worst
        left = (
            () if worst <= 0.1 else (f"after weighting a covariate still differs by {worst:.2f}",)
        )
        return (*self.score.notes, *self.weights.notes, *left)


@dataclass(frozen=True, eq=False)
class IptwCurves:
    """Weighted survival or incidence curves of the treated and the untreated.

    Attributes:
        curves: the curves, with robust standard errors that take the weights as known.
        parts: score, weights and rows.
    """

    curves: KaplanMeier | AalenJohansen
    parts: Iptw

    @property
    def missing(self) -> Missing:
        """Rows left out as incomplete."""
        return self.parts.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return self.parts.notes

    def table(self) -> pl.DataFrame:
        """The curves of both groups, as `KaplanMeier.table` or `AalenJohansen.table` has them."""
        return self.curves.table()

    def __str__(self) -> str:
        """The curves, the balance and the notes."""
        return printing.page(
            str(self.curves), left_out(self.missing), str(self.parts.balance), notes=self.notes
        )

    def difference(self, time: float, level: float = 0.95) -> pl.DataFrame:
        """Survival of the treated less that of the untreated at a time, one row; weights known.

        Raises:
            BadCovariate: the curves are incidences of several kinds of event.
        """
        if isinstance(self.curves, AalenJohansen):
            raise BadCovariate(
                "curves",
                reason="are incidences of several kinds of event",
                remedy="read them off `curves`, or use bootstrap for event-free survival",
            )
        return survival_difference(
            self.parts.formula, self.parts.rows, time=time, weights=WEIGHT, level=level
        )

    def bootstrap(
        self, times: ArrayLike, *, seed: int, runs: int = 200, level: float = 0.95
    ) -> pl.DataFrame:
        """Event-free survival with the score estimated anew in each resample of patients.

        Columns: group, time, survival, std_err, lower, upper (percentiles), where the last group is
        the difference treated less untreated. Resamples in which a group is empty, or which cannot
        tell the covariates apart, are drawn again. Errors and limits are null at times that not
        every resample is followed to.

        Raises:
            BeyondFollowUp: a group is not followed until a time.
            BadCovariate: a time is missing, negative or no number, or runs are fewer than two.
        """
        groups = [curve.group for curve in self.curves.curves]
        last = followed_to(self.parts.response, self.parts.score.treated.astype(np.intp), groups)
        wanted = within(times, last)
        if not (isinstance(runs, int) and runs >= 2):
            raise BadCovariate(
                "runs", reason="is no number of resamples", remedy="give 2 or more, such as 200"
            )
        tail = float(norm.sf(normal_quantile(level)))
        resampled = np.array(list(islice(self._resampled(wanted, seed, runs), runs)))
        if len(resampled) < runs:
            raise NothingToAnalyse(
                "hardly any resample can tell the covariates of the score apart",
                remedy="take fewer covariates into the score",
            )
        estimate = _survival(self.parts, np.ones(len(self.parts.response)), wanted)
        names = [*groups, f"{groups[1]} less {groups[0]}"]
        return pl.DataFrame(
            {
                "group": np.repeat(names, len(wanted)),
                "time": np.tile(wanted, 3),
                "survival": estimate.ravel(),
                "std_err": resampled.std(axis=0, ddof=1).ravel(),
                "lower": np.quantile(resampled, tail, axis=0).ravel(),
                "upper": np.quantile(resampled, 1 - tail, axis=0).ravel(),
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))

    def _resampled(self, times: Floats, seed: int, runs: int) -> Iterator[Floats]:
        """Survival (3, m) in resamples; those that tell nothing are drawn again, for a while."""
        draws, n = generator(seed), len(self.parts.response)
        for _ in range(DRAWS * runs):
            counts = np.bincount(draws.integers(0, n, n), minlength=n).astype(np.float64)
            if 0 < counts @ self.parts.score.treated < n:
                with suppress(CollinearCovariates):
                    yield _survival(self.parts, counts, times)


@dataclass(frozen=True, eq=False)
class IptwCox:
    """A weighted Cox model of the treatment alone: a marginal hazard ratio.

    Attributes:
        fit: the model, with robust standard errors.
        parts: score, weights and rows.
    """

    fit: CoxFit
    parts: Iptw

    @property
    def missing(self) -> Missing:
        """Rows left out as incomplete."""
        return self.parts.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return (*self.fit.notes, *self.parts.notes)

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """The coefficient of the treatment, as that of every Cox model."""
        return self.fit.table(level)

    def __str__(self) -> str:
        """The hazard ratio, the population and the notes."""
        return printing.page(
            printing.counted(self.fit.n, self.fit.events, 0),
            left_out(self.missing),
            f"in {self.parts.weights.target}",
            printing.grid(self.table(), p_values=("p",)),
            notes=self.notes,
        )


def iptw(
    formula: str,
    table: Tabular,
    *,
    given: str,
    estimand: Estimand = "ate",
    stabilised: bool = False,
    truncate: tuple[float, float] | None = None,
) -> Iptw:
    """Score and weigh the patients of a formula with one treatment on its right side.

    Args:
        formula: such as "Surv(os_days, os_event) ~ arm".
        table: one row per patient.
        given: what the treatment may depend on, such as "age + log1p(wbc) + eln".
        estimand: whose effect, as `Propensity.weights` has it.
        stabilised: as `Propensity.weights` has it.
        truncate: as `Propensity.weights` has it.
    """
    model = formulas.read(formula)
    if len(model.covariates) != 1 or formulas.group_columns(model) != model.covariates:
        raise BadFormula(formula, reason="the right side must be the treatment alone")
    beside = formulas.beside_covariates(model)
    if beside:
        raise BadFormula(formula, reason=f"weighted analyses take no {beside} here")
    treatment = model.covariates[0]
    refuse_own(model.columns, (WEIGHT, ROW))
    refuse_follow_up(given, model.response)
    score = propensity(f"{formulas.quoted(treatment)} ~ {given}", table, keep=model.response)
    weights = score.weights(estimand, stabilised=stabilised, truncate=truncate)
    rows = score.rows.with_columns(
        pl.Series(WEIGHT, weights.values), pl.Series(ROW, np.arange(len(weights.values)))
    )
    response = complete(formula, rows, competing=True).response
    return Iptw(formula, score, weights, rows, response)


def iptw_curves(
    formula: str,
    table: Tabular,
    *,
    given: str,
    estimand: Estimand = "ate",
    stabilised: bool = False,
    truncate: tuple[float, float] | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> IptwCurves:
    """Survival (or incidence) curves of two treatments as if patients had been alike.

    Arguments as for `iptw`. Several kinds of event give incidence curves.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23, 30], "died": [1, 1, 0, 1, 1, 0],
    ...     "arm": [0, 1, 0, 1, 0, 1], "sex": [0, 0, 1, 1, 1, 0]})
    >>> found = iptw_curves("Surv(days, died) ~ arm", table, given="sex")
    >>> found.curves.at([14])["survival"].to_list()
    [0.5, 0.75]
    """
    parts = iptw(
        formula, table, given=given, estimand=estimand, stabilised=stabilised, truncate=truncate
    )
    if len(parts.response.states) > 1:
        incidence = aalen_johansen(
            formula, parts.rows, weights=WEIGHT, conf_type=conf_type, level=level
        )
        return IptwCurves(incidence, parts)
    curves = kaplan_meier(
        formula, parts.rows, weights=WEIGHT, variance="robust", conf_type=conf_type, level=level
    )
    return IptwCurves(curves, parts)


def iptw_cox(
    formula: str,
    table: Tabular,
    *,
    given: str,
    estimand: Estimand = "ate",
    stabilised: bool = False,
    truncate: tuple[float, float] | None = None,
    ties: Ties = "efron",
) -> IptwCox:
    """The marginal hazard ratio of a treatment, from a weighted Cox model with robust errors.

    Arguments as for `iptw`.
    """
    parts = iptw(
        formula, table, given=given, estimand=estimand, stabilised=stabilised, truncate=truncate
    )
    fit = cox(f"{formula} + cluster({ROW})", parts.rows, weights=WEIGHT, ties=ties)
    return IptwCox(fit, parts)


def _survival(parts: Iptw, counts: Floats, times: Floats) -> Floats:
    """(3, m) survival of the untreated, the treated, and the difference, of one resample."""
    score, drawn = parts.score, counts > 0
    treated = score.treated
    x = score.fit.x[:, 1:]
    useful = np.ptp(x[drawn], axis=0) > 0
    fit = fit_logistic(
        x[drawn][:, useful],
        treated[drawn],
        [name for name, use in zip(score.fit.names[1:], useful, strict=True) if use],
        weights=counts[drawn],
    )
    chance = safe(expit(score.fit.x[:, np.append(True, useful)] @ fit.coefficients))
    again = Propensity(score.treatment, chance, treated, score.fit, score.kept, score.rows)
    limits = parts.weights.limits
    weights = again.weights(parts.weights.estimand, stabilised=parts.weights.stabilised).values
    weights = weights if limits is None else np.clip(weights, *limits)
    pair = [
        _at(parts.response, mine & drawn, weights * counts, times) for mine in (~treated, treated)
    ]
    return np.array([*pair, pair[1] - pair[0]])


def _at(response: Surv, mine: Flags, weights: Floats, times: Floats) -> Floats:
    """(m,) weighted survival of some rows at given times."""
    counts = count(response, Grid.of(response), np.flatnonzero(mine), weights)
    survival = np.cumprod(1 - counts.n_event.sum(axis=1) / counts.n_risk)
    position = np.searchsorted(counts.times, times, side="right")
    held = np.concatenate([[1.0], survival])[position]
    known = (times <= counts.times[-1]) | (survival[-1] <= 1e-12)
    return np.where(known, held, np.nan)
