"""Standardisation (the g-formula): what survival would be if everybody had a treatment, or nobody.

A Cox model predicts each patient's survival under each setting; the predictions are averaged over
all patients. That is not the curve of an average patient, who is nobody.

Where patients are a sample, standard errors come from the influence of each of them on
coefficients, baseline hazard and average. Where the cohort is fixed they are those of the Cox
model (Tsiatis 1981) carried through the average.

Robins J (1986) A new approach to causal inference in mortality studies with a sustained exposure
period. Mathematical Modelling 7:1393-1512. Ozenne BMH et al (2020) On the estimation of average
treatment effects with right-censored time to event outcome and competing risks. Biometrical Journal
62:751-763. Makuch RW (1982) Adjusted survival curve estimation using covariates. Journal of Chronic
Diseases 35:437-443. Tsiatis AA (1981) A large sample study of Cox's regression model. Annals of
Statistics 9:93-108.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.causal.averages import Averages, covariance_of
from haemony.analysis.causal.hazards import cumulative
from haemony.analysis.causal.times import within
from haemony.analysis.causal.worlds import (
    Outcome,
    Settings,
    Variance,
    World,
    fit_outcome,
    known_choice,
    last_of_worlds,
)
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType
from haemony.analysis.survival.regression.cox import CoxFit, require_residuals
from haemony.analysis.survival.regression.cox_data import Treatment


def standardise(
    formula: str,
    table: Tabular,
    *,
    times: ArrayLike,
    treatment: str | None = None,
    settings: Settings | None = None,
    over: Tabular | None = None,
    variance: Variance = "sampled",
    conf_type: ConfType = "plain",
    ties: Treatment = "efron",
) -> Averages:
    """Average survival if every patient were treated, and if none were, by a Cox model.

    Args:
        formula: treatment and covariates, interactions, strata and offsets included, such as
            "Surv(os_days, os_event) ~ arm * age + eln".
        table: one row per patient; incomplete rows are left out and counted.
        times: when.
        treatment: the column that is set to its two values in turn.
        settings: instead of it, under each name the columns to set, such as {"mutated": {"NPM1":
            "positive", "FLT3_ITD": "negative"}}; an empty setting leaves everybody as they are.
        over: another cohort to average over, with the model's covariates, strata and offsets, but
            for columns that every setting sets; incomplete rows are left out and counted. By
            default the patients of the model.
        variance: "sampled" counts that other patients would have had other covariates, as R's
            riskRegression does; "fixed cohort" is about these patients alone, as R's survfit is.
            The latter also takes models with `cluster`, `ridge` and exact ties and, beside
            `over`, delayed entry.
        conf_type: the scale on which limits of survival are symmetric.
        ties: how tied events are treated.

    Raises:
        BeyondFollowUp: a time lies after the last follow-up of a stratum.
        BadCovariate: a time is missing, negative or no number; or a column is set to a value that
            is not of its kind, or that the fit never saw.
        BadFormula: a column that is set is not in the formula.

    >>> import polars as pl
    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23, 30], "died": [1, 1, 0, 1, 1, 0],
    ...     "arm": [0, 1, 0, 1, 0, 1], "sex": [0, 0, 1, 1, 1, 0]})
    >>> found = standardise("Surv(days, died) ~ arm + sex", table, treatment="arm", times=[15])
    >>> found.survival.round(3).ravel()
    array([0.556, 0.769])
    >>> worlds = {"as they are": {}, "treated men": {"arm": 1, "sex": 1}}
    >>> found = standardise("Surv(days, died) ~ arm + sex", table, settings=worlds, times=[15],
    ...     variance="fixed cohort")
    >>> found.table().select(pl.col("setting"), pl.col("survival", "std_err").round(3)).rows()
    [('as they are', 0.671, 0.187), ('treated men', 0.85, 0.218)]
    """
    known_choice("variance", variance, Variance)
    known_choice("conf_type", conf_type, ConfType)
    chosen = _one_of(treatment, settings)
    outcome = fit_outcome(formula, table, chosen, ties=ties, over=over, variance=variance)
    if variance == "sampled":
        require_residuals(outcome.fit)
    wanted = within(times, last_of_worlds(outcome))
    baseline = Baseline.of(outcome.fit, wanted)
    means = [Mean.of(outcome.fit, baseline, world) for world in outcome.worlds]
    influence = None
    if variance == "sampled":
        influence = _influence(outcome.fit, wanted, means, apart=over is not None)
        covariance = covariance_of(influence)
    else:
        covariance = _of_a_fixed_cohort(outcome.fit, baseline, means)
    if outcome.undetermined:
        covariance = np.full_like(covariance, np.nan)
        influence = None if influence is None else np.full_like(influence, np.nan)
    return Averages(
        settings=tuple(outcome.settings),
        times=wanted,
        survival=np.array([mean.survival for mean in means]),
        covariance=covariance,
        influence=influence,
        n=len(outcome.worlds[0].x),
        method=_said(outcome, variance, elsewhere=over is not None),
        missing=outcome.fit.missing,
        cohort_missing=outcome.missing,
        conf_type=conf_type,
        notes=(*outcome.fit.notes, *outcome.undetermined),
    )


def _one_of(treatment: str | None, settings: Settings | None) -> str | Settings:
    if treatment is not None and settings is None:
        return treatment
    if settings is not None and treatment is None:
        return settings
    raise BadCovariate(
        "treatment",
        reason="and settings are two ways to say what everybody gets",
        remedy="give one of them",
    )


def _said(outcome: Outcome, variance: Variance, *, elsewhere: bool) -> str:
    n = len(outcome.worlds[0].x)
    another = f"{n} patients of another cohort, by a model of {outcome.fit.n}"
    whom = another if elsewhere else f"{n} patients"
    fixed = "; standard errors are about these patients alone" if variance != "sampled" else ""
    return f"standardised over {whom}: {outcome.data.model.text}{fixed}"


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline hazard of each of S strata at m times, and how surely it is known.

    Attributes:
        hazard: (S, m) cumulative, for a patient with mean covariates.
        drift: (S, m, p) its derivative by the coefficients, negative.
        noise: (S, m) its variance at given coefficients.
    """

    hazard: Floats
    drift: Floats
    noise: Floats

    @classmethod
    def of(cls, fit: CoxFit, times: Floats) -> Baseline:
        """From a fitted model; the same for tied deaths after Efron and Breslow."""
        moments = fit.centred
        a, b = moments.moment(0, 2), moments.moment(1, 2)
        slope = a[:, None] * moments.s1 - b[:, None] * moments.d1
        noise = _upto(fit, times, a[:, None])[..., 0]
        return cls(cumulative(fit, times), _upto(fit, times, slope), noise)


def _upto(fit: CoxFit, times: Floats, steps: Floats) -> Floats:
    """(S, m, q) sums of steps (K, q) at the event times of each stratum up to each time."""
    sets = fit.sets
    sums = np.zeros((len(fit.data.strata.labels), len(times), steps.shape[1]))
    for code in range(len(sums)):
        mine = sets.stratum == code
        reached = np.searchsorted(sets.times[mine], times, side="right")
        total = np.cumsum(steps[mine], axis=0)
        sums[code] = np.vstack([np.zeros((1, steps.shape[1])), total])[reached]
    return sums


@dataclass(frozen=True, eq=False)
class Mean:
    """The average survival of N patients at m times, and what it depends on.

    Attributes:
        survival: (m,) the average.
        moved: (N, m) change of the average with each patient averaged over.
        by_beta: (m, p) its derivative by the coefficients, negative.
        by_hazard: (m, S) its derivative by the baseline hazard of each stratum, negative.
    """

    survival: Floats
    moved: Floats
    by_beta: Floats
    by_hazard: Floats

    @classmethod
    def of(cls, fit: CoxFit, baseline: Baseline, world: World) -> Mean:
        """The average of what a model predicts."""
        n, strata = len(world.x), len(fit.data.strata.labels)
        relative = world.relative_hazard(fit)
        hazard = baseline.hazard[world.stratum]
        with np.errstate(over="ignore"):
            survival = np.exp(-hazard * relative[:, None])
        slope = survival * relative[:, None]
        share = np.array([np.bincount(world.stratum, one, strata) / n for one in slope.T])
        drift = np.einsum("ms,smp->mp", share, baseline.drift)
        mean = survival.mean(axis=0)
        by_beta = (slope * hazard).T @ world.x / n - drift
        return cls(mean, (survival - mean) / n, by_beta, share)


def _influence(fit: CoxFit, times: Floats, means: Sequence[Mean], *, apart: bool) -> Floats:
    """(L, m, n) change of each average with each patient; those averaged over follow if apart."""
    stratum = fit.data.strata.codes
    beta = fit.centred.score_rows() @ fit.naive_covariance
    a, b = fit.centred.moment(0, 2), fit.centred.moment(1, 2)
    own = np.array([_own(fit, time, a, b) for time in times])
    parts = []
    for mean in means:
        model = -(mean.by_hazard[:, stratum] * own + mean.by_beta @ beta.T)
        moved = mean.moved.T
        parts.append(np.concatenate([model, moved], axis=1) if apart else model + moved)
    return np.array(parts)


def _own(fit: CoxFit, time: float, a: Floats, b: Floats) -> Floats:
    """(n,) direct change with each patient of that patient's stratum's hazard at a time."""
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


def _of_a_fixed_cohort(fit: CoxFit, baseline: Baseline, means: Sequence[Mean]) -> Floats:
    """(m, L, L) covariance of averages whose patients are given."""
    slopes = np.array([mean.by_beta for mean in means]).transpose(1, 0, 2)
    heights = np.array([mean.by_hazard for mean in means]).transpose(1, 0, 2)
    of_beta = slopes @ fit.covariance @ slopes.transpose(0, 2, 1)
    noise = baseline.noise.T[:, None, :]
    return np.asarray(of_beta + (heights * noise) @ heights.transpose(0, 2, 1))
