"""How likely a patient was still to be watched, and what not knowing it exactly costs.

A measure over censored patients gives each known outcome the inverse probability of not having been
censored before. That probability is estimated, by Kaplan–Meier for everybody alike or by a Cox
model, and a standard error has to say so: each model here turns the contributions of patients to a
mean into the change that each patient brings about through the censoring weights.

Gerds TA, Schumacher M (2006) Consistent estimation of the expected Brier score in general survival
models with right-censored event times. Biometrical Journal 48:1029-1040. Blanche P, Dartigues JF,
Jacqmin-Gadda H (2013) Estimating and comparing time-dependent areas under ROC curves for censored
event times with competing risks. Statistics in Medicine 32:5381-5397.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, Self

import numpy as np

from haemony.analysis.prediction.faults import BadRisks
from haemony.analysis.prediction.predictions import Predictions
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.counts import suffix_sums, sums_by
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.diagnostics import dfbeta

Censoring = Literal["kaplan-meier", "cox"]
Variance = Literal["full", "conservative"]
HEAVY = 20.0
"""The weight of one patient from which a reader is warned."""


class CensoringModel(Protocol):
    """An estimate of the probability G of not being censored."""

    def before(self) -> Floats:
        """(n,) G just before each patient's own end of follow-up."""

    def at(self, time: float) -> Floats:
        """(n,) G at a time, for each patient."""

    def influence(self, contributions: Floats, time: float) -> Floats:
        """(n,) or (n, k) each patient's effect, through G, on the mean of contributions.

        Args:
            contributions: (n,) or (n, k), each proportional to 1 / G at the patient's end of
                follow-up or at `time`, whichever is earlier.
            time: the horizon.
        """


def censoring_model(found: Predictions, censoring: Censoring) -> CensoringModel:
    """The model of censoring of this name.

    Raises:
        BadRisks: the name is unknown, or a Cox model has no covariates.
    """
    if censoring == "kaplan-meier":
        return MarginalCensoring.of(found)
    if censoring != "cox":
        raise BadRisks(
            "censoring", reason="is not a known model", remedy="choose 'kaplan-meier' or 'cox'"
        )
    if not found.covariates.shape[1]:
        raise BadRisks(
            "censoring",
            reason="has no covariates to depend on",
            remedy='name them, as in "Surv(os_days, os_event) ~ age + study"',
        )
    if not (found.response.event == 0).any():
        return MarginalCensoring.of(found)
    return CoxCensoring.of(found)


def outcome_weights(
    found: Predictions, model: CensoringModel, time: float
) -> tuple[Floats, Floats, Floats]:
    """Weights (n,) of those with the event by a time, with a competing one, and with none.

    Someone censored earlier has no weight; the weights of everybody else have mean one.
    """
    before, past = model.before(), found.time > time
    with np.errstate(divide="ignore"):
        own, later = 1 / before, 1 / model.at(time)
    return (
        np.where(~past & found.had_event, own, 0.0),
        np.where(~past & found.had_other, own, 0.0),
        np.where(past, later, 0.0),
    )


def through_weights(
    contributions: Floats, model: CensoringModel, time: float, variance: Variance
) -> Floats:
    """Each patient's effect on means of contributions through G; none if G is taken as known."""
    if variance == "conservative":
        return np.zeros_like(contributions)
    return model.influence(contributions, time)


def notes_on_weights(found: Predictions, model: CensoringModel) -> tuple[str, ...]:
    """What the model of censoring says, and each horizon at which one patient is very heavy."""
    notes = []
    if isinstance(model, CoxCensoring):
        notes += [f"in the model of censoring: {note}" for note in model.fit.notes]
    for time in found.times:
        heaviest = max(float(part.max()) for part in outcome_weights(found, model, float(time)))
        if heaviest > HEAVY:
            notes.append(
                f"at {time:g} one patient stands for {heaviest:.0f}: few are watched that long, "
                f"so an earlier horizon tells more"
            )
    return tuple(notes)


@dataclass(frozen=True, eq=False)
class MarginalCensoring:
    """Kaplan–Meier of censoring, the same for everybody; an event precedes a censoring that day.

    Attributes:
        times: (K,) distinct ends of follow-up.
        position: (n,) each patient's among them.
        censored: (n,) 1 where follow-up ends without any event.
        at_risk: (K,) followed until each time, those with an event then included.
        hazard: (K,) of censoring, per patient at risk.
        survival: (K,) probability of not being censored by each time.
    """

    times: Floats
    position: Integers
    censored: Floats
    at_risk: Floats
    hazard: Floats
    survival: Floats

    @classmethod
    def of(cls, found: Predictions) -> Self:
        """Estimate it."""
        grid = Grid.of(found.response)
        size = len(grid.times)
        censored = (found.response.event == 0).astype(np.float64)
        leaving = sums_by(grid.stop, censored, size)
        at_risk = suffix_sums(sums_by(grid.stop, None, size))
        without_events = at_risk - sums_by(grid.stop, 1 - censored, size)
        share = np.divide(leaving, without_events, out=np.zeros(size), where=without_events > 0)
        return cls(
            times=grid.times,
            position=grid.stop,
            censored=censored,
            at_risk=at_risk,
            hazard=leaving / at_risk,
            survival=np.cumprod(1 - share),
        )

    def before(self) -> Floats:
        """(n,) G just before each patient's own end of follow-up."""
        return np.concatenate([[1.0], self.survival])[self.position]

    def at(self, time: float) -> Floats:
        """(n,) G at a time."""
        steps = np.searchsorted(self.times, time, side="right")
        value = 1.0 if steps == 0 else float(self.survival[steps - 1])
        return np.full(len(self.position), value)

    def influence(self, contributions: Floats, time: float) -> Floats:
        """(n,) or (n, k) the martingale of censoring, weighted by what is still to contribute."""
        columns = contributions.reshape(len(self.position), -1)
        later = _sums_after(columns, self.position, len(self.times))
        rate = np.where((self.times <= time)[:, None], later / self.at_risk[:, None], 0.0)
        compensator = np.cumsum(rate * self.hazard[:, None], axis=0)
        jumps = rate[self.position] * self.censored[:, None]
        return (jumps - compensator[self.position]).reshape(contributions.shape)


@dataclass(frozen=True, eq=False)
class CoxCensoring:
    """A Cox model of censoring on covariates, ties after Efron.

    At a time with d censorings the baseline hazard rises by Σ 1 / (S0 - f D0), where f = 0, 1/d, …
    (d - 1)/d; everything below is summed over these fractions.

    Attributes:
        fit: the model, with censoring as its event.
        times: (K,) distinct ends of follow-up.
        position: (n,) each patient's among them.
        hazard: (K,) increments of the baseline hazard, for mean covariates.
        shrinking: (K,) Σ 1 / (S0 - f D0)²: how the increment falls with the risk of the others.
        shrinking_own: (K,) Σ (1 - f) / (S0 - f D0)²: and with the risk of the censored.
        drift: (K, p) Σ (S1 - f D1) / (S0 - f D0)²: and with the coefficients.
    """

    fit: CoxFit
    times: Floats
    position: Integers
    hazard: Floats
    shrinking: Floats
    shrinking_own: Floats
    drift: Floats

    @classmethod
    def of(cls, found: Predictions) -> Self:
        """Fit it."""
        response = Surv.right(found.response.stop, found.response.event == 0)
        fit = cox(response, covariates=found.covariates)
        grid, moments = Grid.of(response), fit.centred
        place = np.searchsorted(grid.times, fit.baseline_hazard()["time"].to_numpy())
        all_risk, dead_risk = moments.moment(0, 2), moments.moment(1, 2)

        def placed(values: Floats) -> Floats:
            whole = np.zeros((len(grid.times), *values.shape[1:]))
            whole[place] = values
            return whole

        return cls(
            fit=fit,
            times=grid.times,
            position=grid.stop,
            hazard=placed(moments.hazard),
            shrinking=placed(all_risk),
            shrinking_own=placed(all_risk - dead_risk),
            drift=placed(all_risk[:, None] * moments.s1 - dead_risk[:, None] * moments.d1),
        )

    @cached_property
    def relative(self) -> Floats:
        """(n,) hazards of censoring against a patient with mean covariates."""
        return np.exp(self.fit.linear_predictors)

    @cached_property
    def cumulative(self) -> Floats:
        """(K + 1,) baseline hazard before the first time, and up to each."""
        return np.concatenate([[0.0], np.cumsum(self.hazard)])

    def before(self) -> Floats:
        """(n,) G just before each patient's own end of follow-up."""
        return np.exp(-self.relative * self.cumulative[self.position])

    def at(self, time: float) -> Floats:
        """(n,) G at a time, for each patient's covariates."""
        steps = np.searchsorted(self.times, time, side="right")
        return np.asarray(np.exp(-self.relative * self.cumulative[steps]))

    def influence(self, contributions: Floats, time: float) -> Floats:
        """(n,) or (n, k) through the baseline hazard and through the coefficients."""
        columns = contributions.reshape(len(self.position), -1) * self.relative[:, None]
        later = _sums_after(columns, self.position, len(self.times))
        later[self.times > time] = 0.0
        effect = self._through_baseline(later) + dfbeta(self.fit) @ self._slope(columns, time)
        return np.asarray(effect.reshape(contributions.shape))

    def _through_baseline(self, later: Floats) -> Floats:
        """(n, k) what each patient does to the increments of the baseline hazard."""
        own = self.position
        censored = self.fit.data.response.event > 0
        count = np.maximum(sums_by(own, censored.astype(np.float64), len(self.times)), 1)
        falling = np.cumsum(later * self.shrinking[:, None], axis=0)[own]
        softer = np.where(censored, (self.shrinking_own - self.shrinking)[own], 0.0)
        jump = np.where(censored, (self.hazard / count)[own], 0.0)[:, None] * later[own]
        return jump - self.relative[:, None] * (falling + softer[:, None] * later[own])

    def _slope(self, columns: Floats, time: float) -> Floats:
        """(p, k) how the contributions change with the coefficients."""
        centred = self.fit.data.x - self.fit.means
        drift = np.vstack([np.zeros((1, centred.shape[1])), np.cumsum(self.drift, axis=0)])
        steps = np.minimum(self.position, np.searchsorted(self.times, time, side="right"))
        slope = self.cumulative[steps][:, None] * centred - drift[steps]
        return np.asarray(slope.T @ columns)


def _sums_at(columns: Floats, position: Integers, size: int) -> Floats:
    """(size, k) sums of columns (n, k) by position."""
    return np.column_stack([sums_by(position, column, size) for column in columns.T])


def _sums_after(columns: Floats, position: Integers, size: int) -> Floats:
    """(size, k) sums of columns (n, k) over the rows at later positions."""
    later = suffix_sums(_sums_at(columns, position, size))
    return np.vstack([later[1:], np.zeros((1, columns.shape[1]))])
