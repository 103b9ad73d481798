"""How far predicted risks lie from what happened: the Brier score, by horizon and integrated.

Graf E, Schmoor C, Sauerbrei W, Schumacher M (1999) Assessment and comparison of prognostic
classification schemes for survival data. Statistics in Medicine 18:2529-2545. Kattan MW, Gerds TA
(2018) The index of prediction accuracy. Diagnostic and Prognostic Research 2:7,
doi:10.1186/s41512-018-0029-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.prediction.censoring import (
    Censoring,
    CensoringModel,
    Variance,
    censoring_model,
    notes_on_weights,
    outcome_weights,
    through_weights,
)
from haemony.analysis.prediction.estimates import Estimates, covariance_of_mean
from haemony.analysis.prediction.faults import BadRisks, check_choice
from haemony.analysis.prediction.judged import Judged
from haemony.analysis.prediction.observed import marginal_risks
from haemony.analysis.prediction.predictions import Predictions, Risks, predictions
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.printing import grid

NULL_MODEL = "Null model"
"""The same risk for everybody: Kaplan–Meier, or Aalen–Johansen with competing risks."""

ROUNDING = 1e-14
Rule = Literal["step", "trapezoid"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Brier(Judged):
    """Brier scores; the first model is the null model, which gives everybody the same risk.

    Attributes:
        accuracy: the index of prediction accuracy, 1 - score / null score, of the models that are
            not the null model.
        integrated: one row: scores integrated to the last horizon and divided by it; NaN for a
            single horizon, which has nothing to integrate.
        rule: how the integral was taken.
    """

    MEASURE = "brier"
    accuracy: Estimates
    integrated: Estimates
    rule: Rule

    def accuracy_table(self) -> pl.DataFrame:
        """One row per horizon and model: time, model, ipa, std_err, lower, upper."""
        return self.accuracy.table("ipa", self.level)

    def integrated_table(self) -> pl.DataFrame:
        """One row per model: time (the last horizon), model, ibs, std_err, lower, upper."""
        return self.integrated.table("ibs", self.level)

    def integrated_differences(self) -> pl.DataFrame:
        """Pairs of models, as `differences`, of the integrated score."""
        return self.integrated.differences(self.level)

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        return {"rule": self.rule, **super().options()}

    def printed(self) -> list[str]:
        """The scores, their index of accuracy and, over several horizons, their integral."""
        tables = [self.table(), self.accuracy_table()]
        several = len(self.estimates.times) > 1
        return [*map(grid, [*tables, self.integrated_table()] if several else tables)]


def brier(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    covariates: ArrayLike | None = None,
    censoring: Censoring = "kaplan-meier",
    rule: Rule = "step",
    variance: Variance = "full",
    level: float = 0.95,
) -> Brier:
    """Estimate Brier scores, their integral and the index of prediction accuracy.

    Figures and standard errors are those of R's `riskRegression::Score`. The standard errors of the
    index and of the integral, which it does not give, come from the same influence functions; the
    null model's risk is taken as known, as there.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; covariates on its right describe censoring
            for `censoring="cox"`; or a `Surv`, or predictions laid out before.
        table: the columns that the formula and the risks name.
        risks: for each model a column, a column per horizon, or an array of probabilities.
        times: horizons; give many for the integral.
        cause: the kind of event, where several compete.
        covariates: (n, p) of the censoring model, when a `Surv` is given.
        censoring: Kaplan–Meier for everybody, or a Cox model.
        rule: of the integral from 0, where the score is 0, to the last horizon: "step" holds each
            score until the next horizon, as R does; "trapezoid" joins them by straight lines.
        variance: "full" accounts for estimated censoring weights, "conservative" takes them as
            known.
        level: coverage of the limits.

    Raises:
        BadRisks: risks cannot be read, or are no probabilities.
        BeyondFollowUp: a horizon lies after the last follow-up.

    >>> table = pl.DataFrame(
    ...     {"days": [2, 3, 5, 8], "died": [1, 1, 0, 1], "p": [0.9, 0.5, 0.4, 0.2]}
    ... )
    >>> found = brier("Surv(days, died) ~ 1", table, risks={"p": "p"}, times=[4])
    >>> found.table()["brier"].round(4).to_list()
    [0.25, 0.115]
    """
    found = predictions(
        formula, table, risks=risks, times=times, cause=cause, covariates=covariates
    )
    found.check_probabilities()
    check_choice("rule", rule, ("step", "trapezoid"))
    check_choice("variance", variance, ("full", "conservative"))
    normal_quantile(level)
    judged = _with_null_model(found)
    model = censoring_model(judged, censoring)
    steps = _steps(judged.times, rule)
    scores, spread, total = [], [], np.zeros((len(judged), len(judged.models)))
    for i, time in enumerate(judged.times):
        squares = _squares(judged, i, model)
        changes = through_weights(squares, model, float(time), variance)
        influence = squares - squares.mean(axis=0) + changes
        scores.append(squares.mean(axis=0))
        spread.append(covariance_of_mean(influence))
        total += steps[i] * influence
    value, covariance = np.array(scores), np.array(spread)
    return Brier(
        estimates=Estimates(judged.models, judged.times, value, covariance),
        accuracy=_accuracy(judged, value, covariance),
        integrated=Estimates(
            judged.models, judged.times[-1:], (steps @ value)[None], covariance_of_mean(total)[None]
        ),
        rule=rule,
        censoring=censoring,
        variance=variance,
        level=level,
        n=len(judged),
        missing=judged.missing,
        notes=notes_on_weights(judged, model),
    )


def _with_null_model(found: Predictions) -> Predictions:
    if NULL_MODEL in found.models:
        raise BadRisks(
            NULL_MODEL, reason="is the name of the comparison", remedy="name your model otherwise"
        )
    null = np.broadcast_to(marginal_risks(found), (1, len(found), len(found.times)))
    return replace(
        found, models=(NULL_MODEL, *found.models), risks=np.concatenate([null, found.risks])
    )


def _squares(found: Predictions, horizon: int, model: CensoringModel) -> Floats:
    """(n, M) weighted squared distances of the risks from what happened by a horizon."""
    case, other, free = outcome_weights(found, model, float(found.times[horizon]))
    risk = found.risks[:, :, horizon].T
    return np.asarray(case[:, None] * (1 - risk) ** 2 + (other + free)[:, None] * risk**2)


def _steps(times: Floats, rule: Rule) -> Floats:
    """(T,) what each horizon's score weighs in the integral, divided by its length; NaN for one."""
    if len(times) == 1:
        return np.full(1, np.nan)
    widths = np.diff(times)
    if rule == "step":
        return np.asarray(np.concatenate([widths, [0.0]]) / times[-1])
    to_the_left = np.concatenate([times[:1], widths])
    to_the_right = np.concatenate([widths, [0.0]])
    return np.asarray((to_the_left + to_the_right) / 2 / times[-1])


def _accuracy(found: Predictions, value: Floats, covariance: Floats) -> Estimates:
    """1 - score / null score and its covariance by the delta method; NaN if the null has none."""
    null = np.where(value[:, :1] > ROUNDING, value[:, :1], np.nan)
    ratio = value[:, 1:] / null
    own = np.zeros((*ratio.shape, value.shape[1]))
    own[:, :, 0] = ratio / null
    for i in range(ratio.shape[1]):
        own[:, i, i + 1] = -1 / null[:, 0]
    spread = np.einsum("tai,tij,tbj->tab", own, covariance, own)
    return Estimates(found.models[1:], found.times, 1 - ratio, spread, lowest=-np.inf)
