"""Standardisation (the g-formula): what survival would be if everybody had a treatment, or nobody.

A Cox model predicts each patient's survival under either treatment; the predictions are averaged
over all patients. Standard errors come from the influence of each patient on coefficients, baseline
hazard and average.

Robins J (1986) A new approach to causal inference in mortality studies with a sustained exposure
period. Mathematical Modelling 7:1393-1512. Ozenne BMH et al (2020) On the estimation of average
treatment effects with right-censored time to event outcome and competing risks. Biometrical Journal
62:751-763.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.causal.hazards import cumulative
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.times import within
from haemony.analysis.logistic import true_or_false
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.formula import Complete, Missing, complete
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import BadFormula
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.partial_likelihood import Ties


@dataclass(frozen=True, eq=False)
class Averages:
    """Average survival under each of L treatments at m times.

    Attributes:
        treatment: the column that says who was treated.
        levels: (L,) the treatments, the untreated first.
        times: (m,) when.
        survival: (L, m) average survival.
        std_err: (L, m) its standard error; NaN where the treatment has no finite estimate.
        influence: (L, m, n) change of the average with each patient; NaN with it.
        method: how it was obtained.
        missing: rows left out as incomplete.
        notes: what a reader must know.
    """

    treatment: str
    levels: tuple[str, ...]
    times: Floats
    survival: Floats
    std_err: Floats
    influence: Floats
    method: str
    missing: Missing
    notes: tuple[str, ...]

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """One row per treatment and time: treatment, time, survival, std_err, lower, upper."""
        half = normal_quantile(level) * self.std_err
        return pl.DataFrame(
            {
                "treatment": np.repeat(self.levels, len(self.times)),
                "time": np.tile(self.times, len(self.levels)),
                "survival": self.survival.ravel(),
                "std_err": self.std_err.ravel(),
                "lower": np.maximum(self.survival - half, 0).ravel(),
                "upper": np.minimum(self.survival + half, 1).ravel(),
            }
        ).with_columns(pl.col(pl.Float64).fill_nan(None))

    def difference(self, level: float = 0.95) -> pl.DataFrame:
        """Each treatment less the first, at each time.

        Columns: treatment, reference, time, difference, std_err, lower, upper.
        """
        parts = []
        for k in range(1, len(self.levels)):
            gap = self.survival[k] - self.survival[0]
            std_err = np.sqrt(((self.influence[k] - self.influence[0]) ** 2).sum(axis=1))
            half = normal_quantile(level) * std_err
            parts.append(
                pl.DataFrame(
                    {
                        "treatment": [self.levels[k]] * len(gap),
                        "reference": [self.levels[0]] * len(gap),
                        "time": self.times,
                        "difference": gap,
                        "std_err": std_err,
                        "lower": gap - half,
                        "upper": gap + half,
                    }
                )
            )
        return pl.concat(parts).with_columns(pl.col(pl.Float64).fill_nan(None))

    def __str__(self) -> str:
        """Averages and differences."""
        return printing.page(
            (self.method, *filter(None, [left_out(self.missing)])),
            printing.grid(self.table()),
            printing.grid(self.difference()),
            notes=self.notes,
        )


def standardise(
    formula: str,
    table: Tabular,
    *,
    treatment: str,
    times: ArrayLike,
    ties: Ties = "efron",
) -> Averages:
    """Average survival if every patient were treated, and if none were, by a Cox model.

    Args:
        formula: treatment and covariates, interactions and strata included, such as
            "Surv(os_days, os_event) ~ arm * age + eln".
        table: one row per patient; incomplete rows are left out and counted.
        treatment: the column that is set to its two values in turn.
        times: when.
        ties: how tied events are treated.

    Raises:
        BeyondFollowUp: a time lies after the last follow-up of a stratum.
        BadCovariate: a time is missing, negative or no number.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23, 30], "died": [1, 1, 0, 1, 1, 0],
    ...     "arm": [0, 1, 0, 1, 0, 1], "sex": [0, 0, 1, 1, 1, 0]})
    >>> found = standardise("Surv(days, died) ~ arm + sex", table, treatment="arm", times=[15])
    >>> found.survival.round(3).ravel()
    array([0.556, 0.769])
    """
    outcome = fit_outcome(formula, table, treatment, ties)
    wanted = within(times, last_of_strata(outcome.fit))
    baseline = Baseline.of(outcome.fit, wanted)
    survival, influence = [], []
    for x in outcome.set_to:
        mean, moved = _average(outcome.fit, baseline, x)
        survival.append(mean)
        influence.append(moved)
    moved_all = np.array(influence)
    notes = outcome.fit.notes
    if _decides(outcome.fit, treatment):
        moved_all = np.full_like(moved_all, np.nan)
        notes = (*notes, f"without a finite estimate for {treatment}, no standard errors are known")
    return Averages(
        treatment=treatment,
        levels=outcome.levels,
        times=wanted,
        survival=np.array(survival),
        std_err=np.sqrt((moved_all**2).sum(axis=2)),
        influence=moved_all,
        method=f"standardised over {outcome.fit.n} patients: {formula}",
        missing=outcome.fit.missing,
        notes=notes,
    )


def _decides(fit: CoxFit, treatment: str) -> bool:
    """Whether a coefficient of the treatment has no finite estimate."""
    without_levels = (re.sub(r"\[[^\]]*\]", "", name) for name in fit.infinite)
    return any(re.search(rf"\b{re.escape(treatment)}\b", name) for name in without_levels)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A Cox model of the outcome, and its covariates with the treatment set to each value."""

    fit: CoxFit
    data: Complete
    levels: tuple[str, ...]
    set_to: tuple[Floats, ...]


def fit_outcome(formula: str, table: Tabular, treatment: str, ties: Ties) -> Outcome:
    """Fit the outcome model and set its treatment to both values in every patient."""
    data = complete(formula, table)
    if treatment not in data.model.covariates:
        raise BadFormula(formula, reason=f"the treatment {treatment!r} is not in it")
    if data.model.cluster or data.response.start is not None:
        raise BadFormula(formula, reason="standardisation takes one row per patient from time zero")
    fit = cox(formula, table, ties=ties)
    if fit.design is None:
        raise BadFormula(formula, reason="it has no covariates")
    column = data.table[treatment]
    given = true_or_false(column)
    pair = [column.filter(given == value)[0] for value in (False, True)]
    set_to = tuple(
        fit.design.matrix(
            data.table.with_columns(pl.lit(value).cast(column.dtype).alias(treatment))
        )
        - fit.means
        for value in pair
    )
    return Outcome(fit, data, tuple(f"{treatment}={value}" for value in pair), set_to)


def last_of_strata(fit: CoxFit) -> dict[str, float]:
    """The last follow-up in each stratum of a Cox model."""
    strata, stop = fit.data.strata, fit.data.response.stop
    return {
        label: float(stop[strata.codes == code].max()) for code, label in enumerate(strata.labels)
    }


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline hazard of each of S strata at m times, and how each patient moves it.

    Attributes:
        hazard: (S, m) cumulative, for a patient with mean covariates.
        drift: (S, m, p) its derivative by the coefficients, negative.
        own: (m, n) direct change with each patient of that patient's stratum's hazard.
        beta: (n, p) change of the coefficients with each patient.
        stratum: (n,) stratum of each patient.
    """

    hazard: Floats
    drift: Floats
    own: Floats
    beta: Floats
    stratum: Integers

    @classmethod
    def of(cls, fit: CoxFit, times: Floats) -> Baseline:
        """From a fitted model; the same for tied deaths after Efron and Breslow."""
        strata = fit.data.strata
        moments, sets = fit.centred, fit.sets
        size = len(strata.labels)
        a, b = moments.moment(0, 2), moments.moment(1, 2)
        slope = a[:, None] * moments.s1 - b[:, None] * moments.d1
        drift = np.zeros((size, len(times), len(fit.names)))
        for code in range(size):
            mine = sets.stratum == code
            upto = np.searchsorted(sets.times[mine], times, side="right")
            steps = np.cumsum(slope[mine], axis=0)
            drift[code] = np.vstack([np.zeros((1, steps.shape[1])), steps])[upto]
        beta = moments.score_rows() @ fit.naive_covariance
        own = np.array([_own(fit, time, a, b) for time in times])
        return cls(cumulative(fit, times), drift, own, beta, strata.codes)


def _own(fit: CoxFit, time: float, a: Floats, b: Floats) -> Floats:
    """(n,) direct change of the baseline hazard at a time."""
    moments, sets = fit.centred, fit.sets
    part = moments.likelihood
    soon = sets.times <= time
    met = sets.sum_while_at_risk(np.where(soon, a, 0.0))
    event = part.death_event
    met[sets.death_rows] -= np.where(soon, b, 0.0)[event]
    change = -moments.relative_hazard * met
    mean_inverse = np.bincount(event, 1 / moments.denominator, len(sets.times)) / sets.deaths
    change[sets.death_rows] += np.where(soon, mean_inverse, 0.0)[event]
    return np.asarray(change)


def _average(fit: CoxFit, baseline: Baseline, x: Floats) -> tuple[Floats, Floats]:
    """Average survival (m,) and its change with each patient (m, n), at covariates x (n, p)."""
    n = len(x)
    relative = np.exp(x @ fit.coefficients + fit.data.offset)
    hazard = baseline.hazard[baseline.stratum]
    survival = np.exp(-hazard * relative[:, None])
    slope = survival * relative[:, None]
    mean = survival.mean(axis=0)
    strata = len(fit.data.strata.labels)
    influence = np.empty((len(mean), n))
    for k in range(len(mean)):
        share = np.bincount(baseline.stratum, slope[:, k], strata) / n
        by_beta = (slope[:, k] * hazard[:, k]) @ x / n - share @ baseline.drift[:, k]
        change = share[baseline.stratum] * baseline.own[k] + baseline.beta @ by_beta
        influence[k] = (survival[:, k] - mean[k]) / n - change
    return mean, influence
