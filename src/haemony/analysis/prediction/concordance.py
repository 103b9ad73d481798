"""How often the patient who has the event first had the higher predicted risk.

Harrell's C compares the pairs that censoring leaves comparable, so it depends on who was censored;
Uno's weights them so that it does not, up to a time tau. With competing risks a patient who had
another event stays comparable for ever, as one who can no longer have the event.

Harrell FE et al. (1982) JAMA 247:2543-2546. Uno H, Cai T, Pencina MJ, D'Agostino RB, Wei LJ (2011)
On the C-statistics for evaluating overall adequacy of risk prediction procedures with censored
survival data. Statistics in Medicine 30:1105-1117, doi:10.1002/sim.4154. Wolbers M, Koller MT,
Witteman JCM, Steyerberg EW (2009) Prognostic models with competing risks. Epidemiology 20:555-561.
Wolbers M, Blanche P, Koller MT, Witteman JCM, Gerds TA (2014) Concordance for prognostic models
with competing risks. Biostatistics 15:526-539.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.prediction.censoring import (
    Censoring,
    CensoringModel,
    Variance,
    censoring_model,
    notes_on_weights,
    through_weights,
)
from haemony.analysis.prediction.estimates import Estimates
from haemony.analysis.prediction.faults import check_choice
from haemony.analysis.prediction.judged import Judged
from haemony.analysis.prediction.predictions import TINY, Predictions, Risks, predictions
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv, distinct
from haemony.analysis.survival.intervals import normal_quantile
from haemony.analysis.survival.ranks.dominance import range_sums, sums_below

Weighting = Literal["uno", "harrell"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CIndex(Judged):
    """Concordance of predicted risks with what happened, until tau; NaN without comparable pairs.

    Attributes:
        weighting: Uno's or Harrell's; only Uno's rests on a model of censoring.
    """

    MEASURE = "c"
    weighting: Weighting

    def options(self) -> Mapping[str, object]:
        """What was chosen, under the names of the parameters."""
        every = super().options()
        weighted = every if self.weighting == "uno" else {"level": self.level}
        tau = ", ".join(f"{time:g}" for time in self.estimates.times)
        return {"weighting": self.weighting, "tau": tau, **weighted}


def c_index(
    formula: str | Surv | Predictions,
    table: Tabular | None = None,
    *,
    risks: Risks | None = None,
    tau: ArrayLike | None = None,
    cause: str | None = None,
    covariates: ArrayLike | None = None,
    weighting: Weighting = "uno",
    censoring: Censoring = "kaplan-meier",
    variance: Variance = "conservative",
    level: float = 0.95,
) -> CIndex:
    """Estimate a concordance index, by Uno up to tau or by Harrell.

    The figures are those of R's `concordance` with `timewt = "n/G2"` (Uno) or "n" (Harrell), and
    `ymax = tau`; so are the standard errors, which take the weights as known.

    Args:
        formula: such as "Surv(os_days, os_event) ~ 1"; covariates on its right describe censoring
            for `censoring="cox"`; or a `Surv`, or predictions laid out before.
        table: the columns that the formula and the risks name.
        risks: for each model a column, or an array; higher means an earlier event.
        tau: only events by this time count, the last event's by default; several give several
            indices.
        cause: the kind of event, where several compete.
        covariates: (n, p) of the censoring model, when a `Surv` is given.
        weighting: "uno" or "harrell".
        censoring: the model of censoring for Uno's weights.
        variance: "conservative" takes the weights as known, as R does; "full" does not.
        level: coverage of the limits.

    >>> import polars as pl
    >>> table = pl.DataFrame({"days": [5, 8, 11, 20], "died": [1, 1, 0, 1], "risk": [9, 4, 5, 1]})
    >>> c_index("Surv(days, died) ~ 1", table, risks={"r": "risk"}, weighting="harrell",
    ...     ).table()["c"].item()
    0.8
    """
    check_choice("weighting", weighting, ("uno", "harrell"))
    check_choice("variance", variance, ("full", "conservative"))
    normal_quantile(level)
    found = _until(formula, table, risks, tau, cause, covariates)
    model = censoring_model(found, censoring) if weighting == "uno" else None
    parts = [_concordance(found, i, model, variance) for i in range(len(found.times))]
    value, covariance = (np.array(part) for part in zip(*parts, strict=True))
    return CIndex(
        estimates=Estimates(found.models, found.times, value, covariance),
        weighting=weighting,
        censoring=censoring,
        variance=variance,
        level=level,
        n=len(found),
        missing=found.missing,
        notes=() if model is None else notes_on_weights(found, model),
    )


def _until(
    formula: str | Surv | Predictions,
    table: Tabular | None,
    risks: Risks | None,
    tau: ArrayLike | None,
    cause: str | None,
    covariates: ArrayLike | None,
) -> Predictions:
    """The predictions with taus as horizons; without tau the time of the last event."""
    if isinstance(formula, Predictions) or tau is not None:
        return predictions(
            formula, table, risks=risks, times=tau, cause=cause, covariates=covariates
        )
    found = predictions(
        formula, table, risks=risks, times=[TINY], cause=cause, covariates=covariates
    )
    return found.at_the_end()


def _concordance(
    found: Predictions, horizon: int, model: CensoringModel | None, variance: Variance
) -> tuple[Floats, Floats]:
    """The index of each model (M,) until one tau, and their covariance (M, M)."""
    tau = float(found.times[horizon])
    weight = np.ones(len(found)) if model is None else 1 / model.before()
    cases = np.flatnonzero(found.had_event & (found.time <= tau))
    values, influences = [], []
    for risk in found.risks[:, :, horizon]:
        pairs = _pairs(found, risk, cases, weight)
        values.append(pairs.index)
        influence = pairs.jackknife
        if model is not None:
            changes = through_weights(pairs.weighted(), model, tau, variance)
            influence = influence + changes / len(found)
        influences.append(influence)
    each = np.column_stack(influences)
    return np.array(values), np.asarray(each.T @ each)


@dataclass(frozen=True, eq=False)
class Pairs:
    """The weighted pairs that each patient belongs to.

    Attributes:
        agreement: (n,) weight of those in which the higher risk had the event first; ties half.
        total: (n,) weight of all.
        agreement_as_weighted: (n,) weight of those in agreement, counted once for every 1 / G of
            this patient's that their weight contains.
        total_as_weighted: (n,) the same of all pairs.
    """

    agreement: Floats
    total: Floats
    agreement_as_weighted: Floats
    total_as_weighted: Floats

    @property
    def all(self) -> float:
        """The weight of all pairs."""
        return float(self.total.sum() / 2)

    @property
    def index(self) -> float:
        """The share in agreement; NaN when there are no pairs."""
        return float(self.agreement.sum() / 2 / self.all) if self.all else float("nan")

    @property
    def jackknife(self) -> Floats:
        """(n,) the change of the index with each patient's weight."""
        everything = self.all or float("nan")
        return np.asarray((self.agreement - self.index * self.total) / everything)

    def weighted(self) -> Floats:
        """(n,) contributions to the index that are proportional to 1 / G of each patient."""
        everything = (self.all or float("nan")) / len(self.total)
        return np.asarray(
            (self.agreement_as_weighted - self.index * self.total_as_weighted) / everything
        )


def _pairs(found: Predictions, risk: Floats, cases: Integers, weight: Floats) -> Pairs:
    """All pairs of a case with one who outlives it, and with one who can never be a case.

    A pair with an outliving patient is known when both are still watched at the case's time, so it
    weighs 1 / G²; one with a patient who had a competing event before weighs 1 / G of each.
    """
    rank = np.unique(risk, return_inverse=True)[1]
    time = 2 * distinct(found.time)[1]
    leaving = time + ~found.response.died
    ones = np.ones(len(found))
    later = _halves(rank, cases, weight[cases] ** 2, ones, leaving, leaving[cases] + 1)
    as_case = np.zeros((len(found), 2))
    as_case[cases] = later[0]
    agreement, total = (as_case + later[1]).T
    weighted = 2 * as_case
    if found.had_other.any():
        never = np.where(found.had_other, weight, 0.0)
        before = _halves(rank, cases, weight[cases], never, -time, -time[cases])
        as_case = np.zeros((len(found), 2))
        as_case[cases] = before[0]
        agreement, total = (np.column_stack([agreement, total]) + as_case + before[1]).T
        weighted = weighted + as_case + before[1]
    return Pairs(agreement, total, weighted[:, 0], weighted[:, 1])


def _halves(
    rank: Integers,
    cases: Integers,
    case_weight: Floats,
    other_weight: Floats,
    key: Integers,
    threshold: Integers,
) -> tuple[Floats, Floats]:
    """Agreement and total of each case (E, 2), and of each patient as the other of a pair (n, 2).

    A case forms a pair with everybody whose key reaches its threshold.

    Args:
        rank: (n,) of the risks.
        cases: (E,) rows.
        case_weight: (E,) what a pair weighs for its case.
        other_weight: (n,) and for the other, by which it is multiplied.
        key: (n,) of the others.
        threshold: (E,) of the cases.
    """
    others, earlier = np.argsort(key, kind="stable"), np.argsort(threshold, kind="stable")
    begin = np.searchsorted(key[others], threshold, side="left")
    end = np.full(len(cases), len(key))
    below, total = _below(rank[others], other_weight[others], begin, end, rank[cases])
    of_cases = case_weight[:, None] * np.column_stack([below, total])
    end = np.searchsorted(threshold[earlier], key, side="right")
    start = np.zeros(len(key), dtype=np.intp)
    below, total = _below(rank[cases][earlier], case_weight[earlier], start, end, rank)
    of_others = other_weight[:, None] * np.column_stack([total - below, total])
    return of_cases, of_others


def _below(
    rank: Integers, weight: Floats, begin: Integers, end: Integers, own: Integers
) -> tuple[Floats, Floats]:
    """Weight (m,) of the points in a range that rank below, half of that at, and of all."""
    under = sums_below(rank, weight, begin, end, own)
    up_to = sums_below(rank, weight, begin, end, own + 1)
    return (under + up_to) / 2, range_sums(weight, begin, end)
