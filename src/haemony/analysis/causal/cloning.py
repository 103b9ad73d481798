"""Cloning, censoring and weighting: two strategies with a period of grace, compared without bias.

Each patient is copied once per strategy. A copy is censored when the patient deviates from its
strategy; the others are weighted up by the inverse of the chance of not having deviated, given the
confounders at time zero.

Maringe C et al (2020) Reflection on modern methods: trial emulation in the presence of
immortal-time bias. International Journal of Epidemiology 49:1719-1729. Hernán MA (2018) How to
estimate the effect of treatment duration on survival outcomes using observational data. BMJ
360:k182.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.causal.effects import Effect, effect
from haemony.analysis.causal.faults import NobodyLeft
from haemony.analysis.causal.hazards import cumulative
from haemony.analysis.causal.propensity import truncated
from haemony.analysis.causal.times import positive_time
from haemony.analysis.causal.trial import FOLLOWED, PATIENT, WEIGHT, Enrolled, Trial
from haemony.analysis.logistic import logistic
from haemony.analysis.survival.curves.kaplan_meier import kaplan_meier
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.regression.cox import cox
from haemony.analysis.survival.regression.partial_likelihood import Ties


def clone_censor_weight(
    trial: Trial,
    table: Tabular,
    *,
    grace: float,
    stabilised: bool = True,
    truncate: tuple[float, float] | None = None,
    ties: Ties = "efron",
) -> Effect:
    """Compare "exposed within the grace period" with "not exposed within it", from time zero.

    The hazard ratio is marginal: the confounders serve the weights and are not in the model. The
    weighted curves of both strategies are in `curves`. Standard errors are robust and know that a
    patient has two clones; the weights are taken as known.

    Args:
        trial: the question.
        table: one row per patient.
        grace: how long exposed patients may wait.
        stabilised: multiply weights by the chance of not deviating without regard to confounders.
        truncate: draw weights in to these quantiles, such as (0, 0.99).
        ties: how tied events are treated.

    Raises:
        NobodyLeft: nobody, or everybody, is exposed within the grace period.
    """
    grace = positive_time(grace, "grace", "give for example 90")
    enrolled = trial.enrol(table)
    exposed = enrolled.begins <= grace
    enrolled.need_both(exposed, f"{trial.exposure} within {grace:g} {trial.unit}")
    rows = pl.concat(
        [
            _started(enrolled, exposed, grace, stabilised),
            _waited(enrolled, exposed, grace, stabilised),
        ]
    )
    values, limits, drawn = truncated(rows[WEIGHT].to_numpy(), truncate)
    rows = rows.with_columns(pl.Series(WEIGHT, values))
    formula = f"{FOLLOWED} ~ {trial.exposure} + cluster({PATIENT})"
    fit = cox(formula, rows, weights=WEIGHT, ties=ties)
    return effect(
        enrolled,
        f"clone, censor, weight; grace {grace:g} {trial.unit}",
        fit,
        rows,
        n=len(enrolled.time),
        exposed=int(exposed.sum()),
        notes=_notes(values, drawn, limits, stabilised),
        curves=kaplan_meier(formula, rows, weights=WEIGHT),
    )


def _started(enrolled: Enrolled, exposed: Flags, grace: float, stabilised: bool) -> pl.DataFrame:
    """Clones that must be exposed within the grace period; others are censored at its end."""
    everyone, past = (
        np.arange(len(enrolled.time)),
        np.flatnonzero(exposed & (enrolled.time > grace)),
    )
    if not past.size:
        raise NobodyLeft(
            f"{enrolled.trial.exposure} within {grace:g} and followed beyond it",
            remedy="shorten the grace period",
        )
    first = _rows(
        enrolled,
        1,
        everyone,
        (np.zeros(len(everyone)), np.minimum(enrolled.time, grace)),
        enrolled.event & (enrolled.time <= grace),
        np.ones(len(everyone)),
    )
    there = np.flatnonzero(enrolled.time > grace)
    chance = _chance_of_exposure(enrolled, there, exposed[there])
    share = float(exposed[there].mean()) if stabilised else 1.0
    weight = np.zeros(len(everyone))
    weight[there] = share / chance
    ends = (np.full(len(past), grace), enrolled.time[past])
    second = _rows(enrolled, 1, past, ends, enrolled.event[past], weight[past])
    return pl.concat([first, second])


def _waited(enrolled: Enrolled, exposed: Flags, grace: float, stabilised: bool) -> pl.DataFrame:
    """Clones that must not be exposed within the grace period; censored when they are."""
    stop = np.where(exposed, enrolled.begins, enrolled.time)
    event = enrolled.event & ~exposed
    waiting = _waiting(enrolled, exposed, grace, enrolled.trial.right_side())
    without = _waiting(enrolled, exposed, grace, "1") if stabilised else None
    cuts = np.append(waiting.times, np.inf)
    parts = []
    for k in range(len(cuts) - 1):
        who = np.flatnonzero(stop > cuts[k])
        if not who.size:
            break
        ends = (np.full(len(who), cuts[k]), np.minimum(stop[who], cuts[k + 1]))
        weight = np.exp(waiting.hazard(who, k))
        if without is not None:
            weight = weight * np.exp(-without.hazard(who, k))
        ended = event[who] & (stop[who] <= cuts[k + 1])
        parts.append(_rows(enrolled, 0, who, ends, ended, weight))
    return pl.concat(parts)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """The cumulative hazard of exposure of each patient at time zero and whenever somebody is."""

    times: Floats
    cumulative: Floats
    stratum: Integers
    relative: Floats

    def hazard(self, who: Integers, at: int) -> Floats:
        """(m,) cumulative hazard at one of the times."""
        return np.asarray(self.cumulative[self.stratum[who], at] * self.relative[who])


def _waiting(enrolled: Enrolled, exposed: Flags, grace: float, right: str) -> _Waiting:
    """A Cox model of the time to exposure within the grace period."""
    until = np.minimum(np.minimum(enrolled.begins, enrolled.time), grace)
    times = np.unique(np.append(enrolled.begins[exposed], 0.0))
    everyone = np.arange(len(until))
    # follow-up from -1, so that an exposure at time zero has a risk set
    rows = enrolled.follow(everyone, np.full(len(until), -1.0), until, exposed)
    fit = cox(f"{FOLLOWED} ~ {right}", rows)
    return _Waiting(
        times, cumulative(fit, times), fit.data.strata.codes, np.exp(fit.linear_predictors)
    )


def _chance_of_exposure(enrolled: Enrolled, there: Integers, exposed: Flags) -> Floats:
    """(m,) chance of exposure within the grace period, of those followed until its end."""
    trial = enrolled.trial
    if exposed.all():
        return np.ones(len(there))
    if trial.plain_confounders == "1":
        return np.full(len(there), exposed.mean())
    rows = enrolled.rows[there].with_columns(pl.Series(trial.exposure, exposed))
    return logistic(f"{trial.exposure} ~ {trial.plain_confounders}", rows).fitted


def _rows(
    enrolled: Enrolled,
    strategy: int,
    who: Integers,
    ends: tuple[Floats, Floats],
    event: Flags,
    weight: Floats,
) -> pl.DataFrame:
    group = np.full(len(who), strategy, dtype=np.int64)
    more = {enrolled.trial.exposure: group, WEIGHT: weight}
    return enrolled.follow(who, ends[0], ends[1], event, **more)


def _notes(
    weights: Floats, drawn: int, limits: tuple[float, float] | None, stabilised: bool
) -> tuple[str, ...]:
    kind = "stabilised weights" if stabilised else "weights"
    notes = [f"{kind} from {weights.min():.2f} to {weights.max():.2f}, mean {weights.mean():.2f}"]
    if limits is not None:
        notes.append(f"{drawn} weights drawn in to {limits[0]:.2f} or {limits[1]:.2f}")
    if weights.max() > 20:
        notes.append("a weight above 20 lets few patients speak for many; check the overlap")
    return tuple(notes)
