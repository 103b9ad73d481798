"""The analyses of a target trial that give the exposed no credit for time before exposure.

Time-dependent exposure: Crowley J, Hu M (1977) Covariance analysis of heart transplant survival
data. JASA 72:27-36. Landmark: Anderson JR, Cain KC, Gelber RD (1983) Analysis of survival by tumor
response. Journal of Clinical Oncology 1:710-719. Sequential trials: Gran JM et al (2010) A
sequential Cox approach for estimating the causal effect of treatment in the presence of
time-dependent confounding. Statistics in Medicine 29:2757-2768. Cloning, censoring and weighting:
Maringe C et al (2020) Reflection on modern methods: trial emulation in the presence of
immortal-time bias. International Journal of Epidemiology 49:1719-1729.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from haemony.analysis.causal.effects import Effect, effect
from haemony.analysis.causal.faults import NobodyLeft
from haemony.analysis.causal.immortal import immortal_time
from haemony.analysis.causal.times import positive_time
from haemony.analysis.causal.trial import (
    FOLLOWED,
    NUMBER,
    PATIENT,
    Enrolled,
    Trial,
)
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.regression.cox import cox
from haemony.analysis.survival.regression.partial_likelihood import Ties


def time_dependent(trial: Trial, table: Tabular, *, ties: Ties = "efron") -> Effect:
    """Compare each patient before and after exposure: not exposed until it happens.

    Follow-up is split where the exposure begins. An exposure on the last day of follow-up never
    counts; one at time zero counts from the start; one before it, as `Trial.earlier` says.

    >>> table = pl.DataFrame({"days": [30, 400, 500, 90, 700, 200], "died": [1, 1, 0, 1, 0, 1],
    ...     "day": [None, 120, 90, None, 60, None]})
    >>> trial = Trial("remission", "days", "died", "day", exposure="transplant")
    >>> time_dependent(trial, table).fit.n
    9
    """
    enrolled = trial.enrol(table)
    enrolled.need_exposed()
    rows = _split(enrolled)
    fit = cox(f"{FOLLOWED} ~ {trial.right_side(trial.exposure)}", rows, ties=ties)
    return effect(
        enrolled,
        "time-dependent",
        fit,
        rows,
        n=len(enrolled.time),
        exposed=int(enrolled.exposed.sum()),
    )


def landmark(trial: Trial, table: Tabular, *, at: float, ties: Ties = "efron") -> Effect:
    """Compare those exposed by a landmark with those not, from the landmark on.

    Who is no longer under observation at the landmark takes no part. Who is exposed later stays
    unexposed, which draws the hazard ratio towards one; how many is noted.
    """
    at = positive_time(at, "at")
    enrolled = trial.enrol(table)
    there = np.flatnonzero(enrolled.time > at)
    exposed = enrolled.begins[there] <= at
    enrolled.need_both(exposed, f"{trial.exposure} by {at:g}")
    rows = enrolled.follow(
        there,
        np.zeros(len(there)),
        enrolled.time[there] - at,
        enrolled.event[there],
        **{trial.exposure: exposed.astype(np.int64)},
    )
    fit = cox(f"{FOLLOWED} ~ {trial.right_side(trial.exposure)}", rows, ties=ties)
    crossed = int(np.count_nonzero(np.isfinite(enrolled.begins[there]) & ~exposed))
    gone = len(enrolled.time) - len(there)
    notes = (
        f"{gone} patients no longer under observation at {at:g} {trial.unit} take no part",
        f"{crossed} patients exposed after the landmark count as unexposed",
    )
    design = f"landmark at {at:g} {trial.unit}"
    return effect(
        enrolled, design, fit, rows, n=len(there), exposed=int(exposed.sum()), notes=notes
    )


def sequential_trials(
    trial: Trial, table: Tabular, *, every: float, ties: Ties = "efron"
) -> Effect:
    """Start a trial every so often, compare within it, and pool the trials.

    A trial begins at each multiple of `every`, time zero included: those exposed since the previous
    one are compared with those not yet exposed, all of them under observation when it begins and
    followed from there. The unexposed are censored when their own exposure begins. Baseline hazards
    are each trial's own, and standard errors know that patients take part in several trials.

    Raises:
        NobodyLeft: nobody is exposed, or no trial has patients in both of its groups.
    """
    every = positive_time(every, "every")
    enrolled = trial.enrol(table)
    enrolled.need_exposed()
    trials = (_one_trial(enrolled, number, every) for number in _numbers(enrolled, every))
    parts = [part for part in trials if part is not None]
    if not parts:
        raise NobodyLeft(
            f"not yet {trial.exposure} when others are",
            remedy=f"no trial every {every:g} {trial.unit} has patients in both of its groups; "
            "choose another interval, or check the times of exposure",
        )
    rows = pl.concat(parts)
    right = trial.right_side(trial.exposure)
    formula = f"{FOLLOWED} ~ {right} + strata({NUMBER}) + cluster({PATIENT})"
    fit = cox(formula, rows, ties=ties)
    used = rows.group_by(PATIENT).agg(pl.col(trial.exposure).max())
    exposed = int(used[trial.exposure].sum())
    notes = (
        f"{rows[NUMBER].n_unique()} trials; the unexposed are censored at their own exposure, "
        f"which is taken as explained by the confounders",
        f"follow-up of {int(enrolled.exposed.sum()) - exposed} exposed patients ends before the "
        f"next trial begins, or nobody is left to compare them with",
    )
    design = f"sequential trials every {every:g} {trial.unit}"
    return effect(enrolled, design, fit, rows, n=used.height, exposed=exposed, notes=notes)


def naive_ever_exposed(trial: Trial, table: Tabular, *, ties: Ties = "efron") -> Effect:
    """The biased comparison of ever with never exposed from time zero, for teaching and contrast.

    Its notes say so. No other function of this package can compute it.
    """
    enrolled = trial.enrol(table)
    exposed = enrolled.exposed
    enrolled.need_both(exposed, trial.exposure)
    everyone = np.arange(len(enrolled.time))
    rows = enrolled.follow(
        everyone,
        np.zeros(len(everyone)),
        enrolled.time,
        enrolled.event,
        **{trial.exposure: exposed.astype(np.int64)},
    )
    fit = cox(f"{FOLLOWED} ~ {trial.right_side(trial.exposure)}", rows, ties=ties)
    times = pl.DataFrame({"time": enrolled.time, trial.exposure_time: enrolled.begins})
    times = times.with_columns(
        pl.when(pl.col(trial.exposure_time).is_finite()).then(trial.exposure_time)
    )
    warning = immortal_time(times, trial.exposure_time, "time").warning
    return effect(
        enrolled,
        "naive: ever against never",
        fit,
        rows,
        n=len(everyone),
        exposed=int(exposed.sum()),
        notes=() if warning is None else (warning,),
    )


def _split(enrolled: Enrolled) -> pl.DataFrame:
    """Follow-up before and after exposure as separate rows."""
    everyone = np.arange(len(enrolled.time))
    change = np.minimum(enrolled.begins, enrolled.time)
    ended = enrolled.event & ~enrolled.exposed
    later = np.flatnonzero(enrolled.exposed)
    before = enrolled.follow(
        everyone,
        np.zeros(len(everyone)),
        change,
        ended,
        **{enrolled.trial.exposure: np.zeros(len(everyone), dtype=np.int64)},
    )
    after = enrolled.follow(
        later,
        change[later],
        enrolled.time[later],
        enrolled.event[later],
        **{enrolled.trial.exposure: np.ones(len(later), dtype=np.int64)},
    )
    return pl.concat([before, after])


def _numbers(enrolled: Enrolled, every: float) -> list[int]:
    """The trials in which somebody may be newly exposed; their neighbours, for rounding."""
    near = np.ceil(enrolled.begins[enrolled.exposed] / every)
    numbers = np.unique(np.concatenate([near - 1, near, near + 1]))
    return [int(number) for number in numbers if number >= 0]


def _one_trial(enrolled: Enrolled, number: int, every: float) -> pl.DataFrame | None:
    """The rows of one trial of the sequence; None when one of its groups is empty."""
    begins = number * every
    mine = (enrolled.time > begins) & (enrolled.begins > begins - every)
    who = np.flatnonzero(mine)
    exposed = enrolled.begins[who] <= begins
    if not exposed.any() or exposed.all():
        return None
    stop = np.where(exposed, enrolled.time[who], np.minimum(enrolled.time, enrolled.begins)[who])
    event = enrolled.event[who] & (stop == enrolled.time[who])
    return enrolled.follow(
        who,
        np.zeros(len(who)),
        stop - begins,
        event,
        **{
            enrolled.trial.exposure: exposed.astype(np.int64),
            NUMBER: np.full(len(who), number),
        },
    )
