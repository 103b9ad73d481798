"""Average survival that is right if the outcome model is, or the treatment and censoring models.

Each patient's prediction is corrected by the weighted difference between what happened and what was
predicted; what censoring hid is filled in by the outcome model (augmented inverse probability
weighting).

Bai X, Tsiatis AA, O'Brien SM (2013) Doubly-robust estimators of treatment-specific survival
distributions in observational studies with stratified sampling. Biometrics 69:830-839. Ozenne BMH
et al (2020) On the estimation of average treatment effects with right-censored time to event
outcome and competing risks. Biometrical Journal 62:751-763.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.causal.averages import Averages, covariance_of
from haemony.analysis.causal.faults import refuse_own
from haemony.analysis.causal.hazards import cumulative
from haemony.analysis.causal.propensity import Propensity, propensity, refuse_follow_up
from haemony.analysis.causal.times import followed_to, within
from haemony.analysis.causal.worlds import (
    Outcome,
    fit_outcome,
    known_choice,
    last_of_worlds,
)
from haemony.analysis.logistic import complete_columns
from haemony.analysis.survival.data import formula as formulas
from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import BadCovariate
from haemony.analysis.survival.intervals import ConfType
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.partial_likelihood import Ties

CENSORED = "doubly_robust_censored"
BLOCK = 4096


def doubly_robust(
    formula: str,
    table: Tabular,
    *,
    treatment: str,
    given: str,
    censoring: str,
    times: ArrayLike,
    conf_type: ConfType = "plain",
    ties: Ties = "efron",
) -> Averages:
    """Average survival with and without treatment from three models, only some of which need hold.

    Standard errors take the three models as known, which is right in large samples when all hold.
    All three use the patients who are complete for each of them.

    Args:
        formula: the outcome, such as "Surv(os_days, os_event) ~ arm + age + eln".
        table: one row per patient.
        treatment: the column of the treatment, which the formula contains.
        given: what the treatment may depend on, such as "age + eln".
        censoring: what censoring may depend on, such as "arm + age"; "1" for nothing.
        times: when.
        conf_type: the scale on which limits of survival are symmetric.
        ties: how tied events are treated.

    Raises:
        BeyondFollowUp: a time lies after the last follow-up of a treatment, or of a stratum.
        BadCovariate: a time is missing, negative or no number.
    """
    known_choice("conf_type", conf_type, ConfType)
    model = formulas.read(formula)
    response = ", ".join(map(formulas.quoted, model.response))
    refuse_own(model.columns, (CENSORED,))
    refuse_follow_up(given, model.response)
    others = [formulas.read(f"Surv({response}) ~ {right}") for right in (given, censoring)]
    columns = dict.fromkeys([*model.columns, *others[0].columns, *others[1].columns])
    whole = complete_columns(table, list(columns))
    rows = whole.drop_nulls()
    outcome = fit_outcome(formula, rows, treatment, ties=ties)
    score = propensity(f"{formulas.quoted(treatment)} ~ {given}", rows)
    left = ~outcome.data.response.died
    time = formulas.quoted(model.response[0])
    followed = rows.with_columns(pl.Series(CENSORED, left))
    names = tuple(outcome.settings)
    arms = followed_to(outcome.data.response, score.treated.astype(np.intp), names)
    wanted = within(times, arms | last_of_worlds(outcome))
    leaving = (
        cox(f"Surv({time}, {CENSORED}) ~ {censoring}", followed, ties=ties) if left.any() else None
    )
    parts = _Parts(outcome, score, leaving)
    phi = np.array([[parts.corrected(k, time) for time in wanted] for k in (0, 1)])
    mean = phi.mean(axis=2)
    influence = (phi - mean[..., None]) / rows.height
    unknown = outcome.undetermined or _without_events(outcome, score)
    if unknown:
        influence = np.full_like(influence, np.nan)
    counts = {n: k for n in columns if (k := whole[n].null_count())}
    return Averages(
        settings=names,
        times=wanted,
        survival=mean,
        covariance=covariance_of(influence),
        influence=influence,
        n=rows.height,
        method=f"doubly robust over {rows.height} patients: {formula}; given {given}",
        missing=Missing(whole.height - rows.height, counts),
        cohort_missing=Missing(),
        conf_type=conf_type,
        notes=(*outcome.fit.notes, *score.notes, *(leaving.notes if leaving else ()), *unknown),
    )


def _without_events(outcome: Outcome, score: Propensity) -> tuple[str, ...]:
    """Why no standard error is known, where nobody of a treatment had the event."""
    died = outcome.data.response.died
    quiet = [
        name
        for side, name in zip((False, True), outcome.settings, strict=True)
        if not died[score.treated == side].any()
    ]
    return tuple(
        f"nobody with {name} had the event, no standard errors are known" for name in quiet
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """The three models, on the same n rows."""

    outcome: Outcome
    score: Propensity
    leaving: CoxFit | None

    def corrected(self, level: int, time: float) -> Floats:
        """(n,) corrected survival at a time under one treatment."""
        fit, response = self.outcome.fit, self.outcome.data.response
        world = self.outcome.worlds[level]
        relative = world.relative_hazard(fit)
        hazard = cumulative(fit, [time])[world.stratum, 0] * relative
        predicted = np.exp(-hazard)
        mine = self.score.treated == bool(level)
        chance = self.score.scores if level else 1 - self.score.scores
        happened = response.died & (response.stop <= time)
        seen = np.where(happened, 1 / self._still(response.stop), 0.0)
        hidden = np.zeros(len(seen))
        if self.leaving is not None:
            hidden[mine] = self._hidden(self.leaving, mine, relative, predicted, time)
        risk = 1 - predicted
        correction = np.where(mine, (seen - risk + hidden) / np.where(mine, chance, 1), 0.0)
        return np.asarray(1 - risk - correction)

    def _still(self, times: Floats) -> Floats:
        """(n,) chance of not being censored before each patient's own time."""
        if self.leaving is None:
            return np.ones(len(times))
        codes, hazards = self.leaving.data.strata.codes, cumulative(self.leaving, times, "left")
        own = hazards[codes, np.arange(len(times))]
        return np.exp(-own * np.exp(self.leaving.linear_predictors))

    def _hidden(
        self, leaving: CoxFit, mine: Flags, relative: Floats, predicted: Floats, time: float
    ) -> Floats:
        """What censoring hid: the integral of predicted risk over the censoring martingale."""
        fit, response = self.outcome.fit, self.outcome.data.response
        times = np.unique(response.stop[~response.died & (response.stop <= time)])
        if not times.size:
            return np.zeros(int(mine.sum()))
        before = cumulative(leaving, times, "left")
        steps = cumulative(leaving, times) - before
        baseline = cumulative(fit, times)
        out = []
        rate_all = np.exp(leaving.linear_predictors)
        for rows in np.array_split(np.flatnonzero(mine), int(mine.sum()) // BLOCK + 1):
            of_c, of_e = leaving.data.strata.codes[rows], fit.data.strata.codes[rows]
            rate = rate_all[rows, None]
            alive = np.exp(-baseline[of_e] * relative[rows, None])
            still = np.exp(-before[of_c] * rate)
            stop = response.stop[rows, None]
            left = (stop == times) & ~response.died[rows, None]
            martingale = left - np.where(stop >= times, steps[of_c] * rate, 0.0)
            unlike = int(np.count_nonzero(~((alive > 0) & (still > 0)).all(axis=1)))
            if unlike:
                raise BadCovariate(
                    ", ".join(fit.names),
                    reason=f"leave {unlike} patients no chance to be seen alive at these times",
                    remedy="ask for earlier times, or look for covariates that decide who dies",
                )
            out.append(((1 - predicted[rows, None] / alive) / still * martingale).sum(axis=1))
        return np.concatenate(out)
