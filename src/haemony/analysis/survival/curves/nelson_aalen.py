"""Cumulative hazards of groups of patients, and the survival that they imply.

Nelson W (1972) Theory and applications of hazard plotting for censored failure data. Technometrics
14:945-966. Aalen O (1978) Nonparametric inference for a family of counting processes. Annals of
Statistics 6:701-726. Fleming TR, Harrington DP (1984) Nonparametric estimation of the survival
distribution in censored data. Communications in Statistics 13:2469-2486.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.curves.groups import (
    Group,
    Variance,
    choose_variance,
    groups_followed,
)
from haemony.analysis.survival.curves.influence import Hazard, greenwood_terms
from haemony.analysis.survival.curves.steps import StepCurve, StepCurves
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import sums_by
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import check_choice, sample
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

HazardTies = Literal["nelson-aalen", "fleming-harrington"]
SurvivalFrom = Literal["exponential", "product"]


@dataclass(frozen=True, eq=False)
class HazardCurve(StepCurve):
    """The cumulative hazard of one group, with the attributes of `StepCurve` and its estimates.

    Attributes:
        hazard: (T,) cumulative hazard.
        hazard_std_err: (T,) its standard error.
        hazard_lower: (T,) lower confidence limit of the hazard, on the logarithmic scale.
        hazard_upper: (T,) upper confidence limit.
        survival: (T,) probability of surviving beyond each time.
        std_err: (T,) its standard error; NaN once nobody survives.
        lower: (T,) lower confidence limit of the survival.
        upper: (T,) upper confidence limit.
    """

    INITIAL: ClassVar[Mapping[str, float]] = {
        "hazard": 0.0,
        "hazard_std_err": 0.0,
        "hazard_lower": 0.0,
        "hazard_upper": 0.0,
        "survival": 1.0,
        "std_err": 0.0,
        "lower": 1.0,
        "upper": 1.0,
    }

    hazard: Floats
    hazard_std_err: Floats
    hazard_lower: Floats
    hazard_upper: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class NelsonAalen(StepCurves[HazardCurve]):
    """Cumulative hazards, one per group, and the survival that follows from them.

    Attributes:
        curves: the curves in the order of the groups.
        conf_type: the scale of the confidence limits of the survival.
        level: the coverage of all limits.
        missing: rows left out as incomplete.
        notes: what a reader must know.
        ties: how tied events count.
        survival_from: how survival follows from the hazard.
        variance: which variance the standard errors come from.
    """

    ties: HazardTies
    survival_from: SurvivalFrom
    variance: Variance

    def summary(self) -> pl.DataFrame:
        """All of them."""
        return self.table()


def nelson_aalen(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: HazardTies = "nelson-aalen",
    survival_from: SurvivalFrom = "exponential",
    variance: Variance | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> NelsonAalen:
    """Estimate the cumulative hazard of each group (Nelson 1972, Aalen 1978).

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1", or "~ 1" for everybody, with
            `cluster(id)` where several rows belong to one patient; or a `Surv`.
        table: the columns that the formula names; rows with a missing one are left out and counted.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        ties: "nelson-aalen" adds d/r at each time (R's `ctype = 1`); "fleming-harrington" lets tied
            events leave one after the other, 1/r + 1/(r-1) + ... (R's `ctype = 2`).
        survival_from: "exponential" is exp(-hazard) (R's `stype = 2`, Fleming and Harrington's);
            "product" is Kaplan and Meier's (R's `stype = 1`).
        variance: "greenwood" stands for the model-based variance of either curve; "robust" for the
            infinitesimal jackknife, the default as for `kaplan_meier`.
        conf_type: the scale of the limits of the survival.
        level: coverage of the limits.

    With `variance="robust"` and an exponential survival, its standard error is survival times that
    of the hazard; R 4.2's `survfit` (survival 3.5-3) prints the latter alone for `ctype = 1`.

    >>> table = pl.DataFrame({"days": [1, 1, 2, 3], "died": [1, 1, 1, 0]})
    >>> nelson_aalen("Surv(days, died) ~ 1", table).curves[0].hazard
    array([0.5, 1. , 1. ])
    >>> nelson_aalen("Surv(days, died) ~ 1", table, ties="fleming-harrington").curves[0].hazard[0]
    np.float64(0.5833333333333333)
    """
    check_choice(ties, "ties", get_args(HazardTies))
    check_choice(survival_from, "survival_from", get_args(SurvivalFrom))
    data = sample(formula, table, groups=groups, weights=weights, cluster=cluster).folded()
    chosen, notes = choose_variance(data, variance)
    curves = tuple(
        _curve(group, ties, survival_from, chosen, conf_type, level)
        for group in groups_followed(data)
    )
    return NelsonAalen(curves, conf_type, level, data.missing, notes, ties, survival_from, chosen)


@dataclass(frozen=True, eq=False)
class _Steps:
    """What the T times of one group add to its cumulative hazard.

    Attributes:
        hazard: (T,) increments of the hazard.
        model: (T,) increments of its model-based variance.
        death: (T,) by how much one more unit of weight that dies would raise an increment.
        presence: (T,) by how much one more unit that is at risk would lower it.
    """

    hazard: Floats
    model: Floats
    death: Floats
    presence: Floats

    @classmethod
    def of(cls, group: Group, ties: HazardTies) -> _Steps:
        """Those of a group."""
        died, risk = group.died, group.counts.n_risk
        if ties == "nelson-aalen":
            square = died / risk**2
            return cls(died / risk, square, 1 / risk, square)
        dead = group.data.response.died[group.rows]
        tied = sums_by(group.grid.stop[group.rows][dead], None, len(group.grid.times))
        return cls(*_one_by_one(risk, died, tied[group.seen].astype(np.intp)))

    def variances(self, group: Group, variance: Variance) -> tuple[Floats, Floats]:
        """(T,) variances of the cumulative hazard, and of the log of Kaplan and Meier's curve."""
        if variance == "greenwood":
            product = np.cumsum(greenwood_terms(group.counts.n_risk, group.died))
            return np.cumsum(self.model), product
        moved = Hazard(group.spread(self.death), np.cumsum(group.spread(self.presence)))
        return group.jackknife(moved), group.jackknife(group.loss)


def _one_by_one(
    risk: Floats, died: Floats, tied: Integers
) -> tuple[Floats, Floats, Floats, Floats]:
    """Fleming and Harrington's steps: tied events leave the risk set one after the other.

    Args:
        risk: (T,) weight at risk.
        died: (T,) weight of the events.
        tied: (T,) number of rows that have an event.
    """
    time = np.repeat(np.arange(len(risk)), tied)
    rank = np.arange(len(time)) - np.repeat(np.cumsum(tied) - tied, tied)
    share, each = (rank / tied[time], (died / np.maximum(tied, 1))[time])
    left = risk[time] - share * died[time]
    parts = (
        each / left,
        each / left**2,
        1 / (tied[time] * left) + each * share / left**2,
        each / left**2,
    )
    hazard, model, death, presence = (sums_by(time, part, len(risk)) for part in parts)
    return hazard, model, death, presence


def _curve(
    group: Group,
    ties: HazardTies,
    survival_from: SurvivalFrom,
    variance: Variance,
    conf_type: ConfType,
    level: float,
) -> HazardCurve:
    steps = _Steps.of(group, ties)
    hazard = np.cumsum(steps.hazard)
    of_hazard, of_product = steps.variances(group, variance)
    survival: Floats = np.exp(-hazard)
    log_variance = of_hazard
    if survival_from == "product":
        survival, log_variance = group.survival, of_product
    log_se = np.where(survival > 0, np.sqrt(log_variance), np.nan)
    lower, upper = confidence_limits(survival, log_se, conf_type, level)
    hazard_se = np.sqrt(of_hazard)
    spread = np.divide(hazard_se, hazard, out=np.zeros_like(hazard), where=hazard > 0)
    factor = np.exp(normal_quantile(level) * spread)
    return HazardCurve(
        **group.told,
        hazard=hazard,
        hazard_std_err=hazard_se,
        hazard_lower=hazard / factor,
        hazard_upper=hazard * factor,
        survival=survival,
        std_err=survival * log_se,
        lower=lower,
        upper=upper,
    )
