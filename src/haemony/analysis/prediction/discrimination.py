"""Do those who have the event by a horizon have the higher predicted risks?

Time-dependent areas under the ROC curve compare patients with the event by a horizon (cumulative
cases) with those still without it (dynamic controls); with competing risks, those who had another
event are controls too unless told otherwise. Censoring is met by inverse probability weights.

Uno H, Cai T, Tian L, Wei LJ (2007) Evaluating prediction rules for t-year survivors with censored
regression models. JASA 102:527-537. Blanche P, Dartigues JF, Jacqmin-Gadda H (2013) Estimating and
comparing time-dependent areas under ROC curves for censored event times with competing risks.
Statistics in Medicine 32:5381-5397, doi:10.1002/sim.5958.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from haemony.analysis.prediction.predictions import Predictions, Risks, predictions
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.intervals import normal_quantile

Controls = Literal["event-free or competing", "event-free"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Auc(Judged):
    """Areas under time-dependent ROC curves; NaN at horizons without cases or controls.

    Attributes:
        cases: (T,) patients seen to have the event by each horizon.
        controls: (T,) patients seen to be controls there.
        controls_are: who a control is where risks compete.
    """

    MEASURE = "auc"
    cases: Floats
    controls: Floats
    controls_are: Controls

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        return {"controls": self.controls_are, **super().options()}


def auc(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    covariates: ArrayLike | None = None,
    censoring: Censoring = "kaplan-meier",
    controls: Controls = "event-free or competing",
    variance: Variance = "full",
    level: float = 0.95,
) -> Auc:
    """Estimate cumulative/dynamic areas under ROC curves, with comparisons of models.

    Figures and standard errors are those of R's `riskRegression::Score`.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; covariates on its right describe censoring
            for `censoring="cox"`; or a `Surv`, or predictions laid out before.
        table: the columns that the formula and the risks name.
        risks: for each model a column, a column per horizon, or an array; higher means likelier.
        times: horizons.
        cause: the kind of event, where several compete.
        covariates: (n, p) of the censoring model, when a `Surv` is given.
        censoring: Kaplan–Meier for everybody, or a Cox model.
        controls: with competing risks, whether those with another event by the horizon are
            controls (definition 2 of Blanche et al.) or nobody's (definition 1).
        variance: "full" accounts for estimated censoring weights, "conservative" takes them as
            known.
        level: coverage of the limits.

    Raises:
        BadRisks: risks cannot be read.
        BeyondFollowUp: a horizon lies after the last follow-up.

    >>> table = pl.DataFrame({"days": [2, 3, 5, 8, 9], "died": [1, 1, 0, 1, 0],
    ...     "risk": [0.8, 0.3, 0.4, 0.5, 0.1]})
    >>> auc("Surv(days, died) ~ 1", table, risks={"model": "risk"}, times=[6]).table()["auc"].item()
    0.75
    """
    found = predictions(
        formula, table, risks=risks, times=times, cause=cause, covariates=covariates
    )
    check_choice("controls", controls, ("event-free or competing", "event-free"))
    check_choice("variance", variance, ("full", "conservative"))
    normal_quantile(level)
    model = censoring_model(found, censoring)
    parts = [_area(found, i, model, controls, variance) for i in range(len(found.times))]
    value, covariance, cases, others = (np.array(part) for part in zip(*parts, strict=True))
    return Auc(
        estimates=Estimates(found.models, found.times, value, covariance),
        cases=cases,
        controls=others,
        controls_are=controls,
        censoring=censoring,
        variance=variance,
        level=level,
        n=len(found),
        missing=found.missing,
        notes=(*_notes(found.times, cases, others), *notes_on_weights(found, model)),
    )


@dataclass(frozen=True, eq=False)
class Roc:
    """One model's ROC curve at one horizon.

    Attributes:
        model: its name.
        time: the horizon.
        threshold: (R,) distinct predicted risks, falling, after infinity.
        sensitivity: (R,) share of the cases at or above each.
        one_minus_specificity: (R,) share of the controls at or above each.
    """

    model: str
    time: float
    threshold: Floats
    sensitivity: Floats
    one_minus_specificity: Floats

    @property
    def area(self) -> float:
        """The area under it."""
        return float(np.trapezoid(self.sensitivity, self.one_minus_specificity))

    def table(self) -> pl.DataFrame:
        """One row per threshold: threshold, sensitivity, one_minus_specificity."""
        return pl.DataFrame(
            {
                "threshold": self.threshold,
                "sensitivity": self.sensitivity,
                "one_minus_specificity": self.one_minus_specificity,
            }
        )


def roc(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    times: ArrayLike | None = None,
    cause: str | None = None,
    covariates: ArrayLike | None = None,
    censoring: Censoring = "kaplan-meier",
    controls: Controls = "event-free or competing",
) -> tuple[Roc, ...]:
    """Trace the ROC curve of each model at each horizon; the arguments are those of `auc`.

    Raises:
        BadRisks: a horizon has no cases or no controls.

    >>> table = pl.DataFrame({"days": [2, 3, 8], "died": [1, 1, 0], "risk": [0.8, 0.3, 0.4]})
    >>> roc("Surv(days, died) ~ 1", table, risks={"model": "risk"}, times=[5])[0].sensitivity
    array([0. , 0.5, 0.5, 1. ])
    """
    found = predictions(
        formula, table, risks=risks, times=times, cause=cause, covariates=covariates
    )
    check_choice("controls", controls, ("event-free or competing", "event-free"))
    model = censoring_model(found, censoring)
    curves = []
    for i, time in enumerate(found.times):
        case, control = _case_and_control(found, model, float(time), controls)
        if not case.any() or not control.any():
            raise BadRisks(
                "times",
                reason=f"include {time:g}, at which there are no cases or no controls",
                remedy="choose a horizon by which some patients had the event and some had not",
            )
        for name, risk in zip(found.models, found.risks[:, :, i], strict=True):
            curves.append(_curve(name, float(time), risk, case, control))
    return tuple(curves)


def _curve(name: str, time: float, risk: Floats, case: Floats, control: Floats) -> Roc:
    thresholds, place = np.unique(-risk, return_inverse=True)
    shares = [
        np.concatenate([[0.0], np.cumsum(np.bincount(place, weight)) / weight.sum()])
        for weight in (case, control)
    ]
    return Roc(name, time, np.concatenate([[np.inf], -thresholds]), shares[0], shares[1])


def _case_and_control(
    found: Predictions, model: CensoringModel, time: float, controls: Controls
) -> tuple[Floats, Floats]:
    case, other, free = outcome_weights(found, model, time)
    return case, free + other if controls == "event-free or competing" else free


def _area(
    found: Predictions,
    horizon: int,
    model: CensoringModel,
    controls: Controls,
    variance: Variance,
) -> tuple[Floats, Floats, int, int]:
    """Areas (M,), their covariance (M, M), and the numbers of cases and controls."""
    time = float(found.times[horizon])
    case, control = _case_and_control(found, model, time, controls)
    models = len(found.models)
    counts = int(np.count_nonzero(case)), int(np.count_nonzero(control))
    if not all(counts):
        return np.full(models, np.nan), np.full((models, models), np.nan), *counts
    columns = [_share_of_pairs(risk, case, control) for risk in found.risks[:, :, horizon]]
    value = np.array([area for area, _ in columns])
    contributions = np.column_stack([contribution for _, contribution in columns])
    influence = contributions + through_weights(contributions, model, time, variance)
    return value, covariance_of_mean(influence), *counts


def _share_of_pairs(risk: Floats, case: Floats, control: Floats) -> tuple[float, Floats]:
    """The area, and the contribution (n,) of each patient to its difference from the truth."""
    _, place = np.unique(risk, return_inverse=True)
    n = len(risk)
    below_case, below_control = (_weight_below(weight, place) for weight in (case, control))
    cases, controls = case.sum(), control.sum()
    area = float(case @ below_control / (cases * controls))
    as_case = case * (below_control / controls - area) / cases
    as_control = control * ((cases - below_case) / cases - area) / controls
    return area, n * (as_case + as_control)


def _weight_below(weight: Floats, place: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    """(n,) the weight of patients with lower risks, and half of that with equal ones."""
    at = np.bincount(place, weight)
    return np.asarray((np.cumsum(at) - at / 2)[place])


def _notes(times: Floats, cases: Floats, controls: Floats) -> tuple[str, ...]:
    return tuple(
        f"at {time:g} there are {case} cases and {control} controls, so no area"
        for time, case, control in zip(times, cases, controls, strict=True)
        if not (case and control)
    )
