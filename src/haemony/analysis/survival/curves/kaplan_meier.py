"""Survival curves of groups of patients, with the conventions of R's `survfit`.

Kaplan EL, Meier P (1958) Nonparametric estimation from incomplete observations. Journal of the
American Statistical Association 53:457-481. Greenwood M (1926) for the variance; the robust one is
the infinitesimal jackknife, as in Therneau TM, Grambsch PM (2000) Modeling Survival Data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.curves.groups import (
    Group,
    Variance,
    choose_variance,
    groups_followed,
)
from haemony.analysis.survival.curves.influence import greenwood_terms
from haemony.analysis.survival.curves.restricted_mean import event_free, greenwood_mean, within
from haemony.analysis.survival.curves.steps import StepCurve, StepCurves
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular, tidy
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import sample
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType, confidence_limits, normal_quantile

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence limits; NaN where it is not reached."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class Curve(StepCurve):
    """The survival curve of one group, with the attributes of `StepCurve` and its estimates.

    Attributes:
        survival: (T,) probability of surviving beyond each time.
        std_err: (T,) standard error of the survival; NaN once nobody survives.
        lower: (T,) lower confidence limit.
        upper: (T,) upper confidence limit.
    """

    INITIAL: ClassVar[Mapping[str, float]] = {
        "survival": 1.0,
        "std_err": 0.0,
        "lower": 1.0,
        "upper": 1.0,
    }

    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    _jackknifed: Group | None = None

    @property
    def settled(self) -> bool:
        """Whether nobody is left after the last time."""
        return bool(self.survival[-1] == 0)

    @property
    def median(self) -> Estimate:
        """The median survival time with the limits that the curve's own limits imply."""
        return self.quantile(0.5)

    def quantile(self, probability: float) -> Estimate:
        """The time by which this share has had the event; limits after Brookmeyer and Crowley.

        A curve that is flat exactly at the quantile gives the midpoint of the flat piece; one that
        never falls so far gives NaN. A limit that rises again counts where it first falls so far;
        R's `quantile` takes the time at which its value is nearest below, which may be any later.

        Raises:
            BadCovariate: the share is not a number from 0 to 1.
        """
        if not 0 <= number(probability, "probability") <= 1:
            raise BadCovariate(
                "probability", reason="is not between 0 and 1", remedy="give 0.5 for the median"
            )
        if probability == 0:
            return Estimate(0.0, 0.0, 0.0)
        height = 1 - probability
        return Estimate(
            *(
                _crossing(self.times, line, height)
                for line in (self.survival, self.lower, self.upper)
            )
        )

    def restricted_mean(self, tau: float) -> tuple[float, float]:
        """The mean survival time up to `tau`, and its standard error of the curve's own kind.

        Raises:
            BadCovariate: `tau` is not a positive time.
            BeyondFollowUp: `tau` lies after the last time and patients still survive there.
        """
        within(tau, self.group, self.times, self.survival)
        if self._jackknifed is None:
            died = self.n_event
            mean, variance = greenwood_mean(self.times, self.n_risk, died, self.survival, tau)
            return mean, float(np.sqrt(variance))
        means, moved = event_free(self._jackknifed, tau)
        return float(means[0]), float(np.sqrt(self._jackknifed.stays.square(moved[:, 0])))


@dataclass(frozen=True, eq=False)
class KaplanMeier(StepCurves[Curve]):
    """Kaplan–Meier curves, one per group: survival, std_err, lower and upper at each time.

    Attributes:
        curves: the curves in the order of the groups.
        conf_type: the scale of the confidence limits.
        level: their coverage.
        missing: rows left out as incomplete.
        notes: what a reader must know.
        variance: which variance the standard errors come from.
    """

    variance: Variance

    @property
    def median(self) -> pl.DataFrame:
        """One row per group: n, events, median, lower, upper; null where not reached."""
        middle = [curve.median for curve in self.curves]
        return tidy(
            pl.DataFrame(
                {
                    "group": [curve.group for curve in self.curves],
                    "n": [curve.n for curve in self.curves],
                    "events": [curve.events for curve in self.curves],
                    "median": [estimate.value for estimate in middle],
                    "lower": [estimate.lower for estimate in middle],
                    "upper": [estimate.upper for estimate in middle],
                }
            )
        )

    def numbers_at_risk(self, times: ArrayLike) -> pl.DataFrame:
        """Numbers under observation just before given times: group, time, n_risk.

        With delayed entry the number is that at the next time of the curve.
        """
        return self.at(times).select("group", "time", "n_risk")

    def restricted_mean(self, tau: float) -> pl.DataFrame:
        """One row per group: restricted mean survival time up to `tau`, std_err, lower, upper."""
        means, errors = np.array([curve.restricted_mean(tau) for curve in self.curves]).T
        half = normal_quantile(self.level) * errors
        return pl.DataFrame(
            {
                "group": [curve.group for curve in self.curves],
                "restricted_mean": means,
                "std_err": errors,
                "lower": means - half,
                "upper": means + half,
            }
        )

    def summary(self) -> pl.DataFrame:
        """The medians."""
        return self.median


def kaplan_meier(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: Variance | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate the survival curve of each group (Kaplan and Meier 1958).

    Args:
        formula: such as "Surv(os_days, os_event) ~ NPM1", or "~ 1" for everybody, with
            `cluster(id)` where several rows belong to one patient; or a `Surv`.
        table: the columns that the formula names; rows with a missing one are left out and counted.
        groups: (n,) labels, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights.
        cluster: (n,) labels of patients, when a `Surv` is given.
        variance: "greenwood" takes weights as counts; "robust" is the infinitesimal jackknife over
            rows or clusters, right for weights of inverse probability. By default, as in R's
            `survfit`, robust with a cluster or with weights that are not whole numbers (a note
            says so), and Greenwood's otherwise.
        conf_type: the scale of the confidence limits: log, log-log, plain, arcsin or logit.
        level: coverage of the limits.

    Raises:
        UnknownColumn: the table lacks a column of the formula.
        BadResponse: times or events do not describe a follow-up.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23], "died": [1, 1, 0, 1, 0]})
    >>> curve = kaplan_meier("Surv(days, died) ~ 1", table).curves[0]
    >>> curve.survival.round(3)
    array([0.8, 0.6, 0.3, 0.3])
    >>> curve.median.value
    18.0
    """
    data = sample(formula, table, groups=groups, weights=weights, cluster=cluster).folded()
    chosen, notes = choose_variance(data, variance)
    curves = tuple(_curve(group, chosen, conf_type, level) for group in groups_followed(data))
    return KaplanMeier(curves, conf_type, level, data.missing, notes, chosen)


def follow_up(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    conf_type: ConfType = "log",
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate how long patients were watched: Kaplan–Meier with censoring as the event.

    Schemper M, Smith TL (1996) A note on quantifying follow-up in studies of failure time.
    Controlled Clinical Trials 17:343-346. The arguments are those of `kaplan_meier`.

    >>> table = pl.DataFrame({"days": [9, 13, 13, 18, 23], "died": [1, 1, 0, 1, 0]})
    >>> follow_up("Surv(days, died) ~ 1", table).curves[0].median.value
    23.0
    """
    data = sample(formula, table, groups=groups).folded()
    watched = kaplan_meier(
        data.response.reversed(),
        groups=data.groups.codes,
        cluster=data.cluster,
        conf_type=conf_type,
        level=level,
    )
    named = tuple(
        replace(curve, group=label)
        for curve, label in zip(watched.curves, data.groups.labels, strict=True)
    )
    return replace(watched, curves=named, missing=data.missing)


def _curve(group: Group, variance: Variance, conf_type: ConfType, level: float) -> Curve:
    survival, robust = group.survival, variance == "robust"
    if robust:
        log_variance = group.jackknife(group.loss)
    else:
        log_variance = np.cumsum(greenwood_terms(group.counts.n_risk, group.died))
    log_se = np.where(survival > 0, np.sqrt(log_variance), np.nan)
    lower, upper = confidence_limits(survival, log_se, conf_type, level)
    return Curve(
        **group.told,
        survival=survival,
        std_err=survival * log_se,
        lower=lower,
        upper=upper,
        _jackknifed=group if robust else None,
    )


def _crossing(times: Floats, line: Floats, height: float) -> float:
    """When a falling line first is below a height; the middle of a flat piece exactly at it."""
    with np.errstate(invalid="ignore"):
        below = np.flatnonzero(line < height - ROUNDING)
        at = np.flatnonzero(np.abs(line - height) <= ROUNDING)
    if at.size:
        end = below[0] if below.size else at[-1]
        return float((times[at[0]] + times[end]) / 2)
    return float(times[below[0]]) if below.size else float("nan")
