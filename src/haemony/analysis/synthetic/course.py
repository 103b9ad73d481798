"""The course of acute myeloid leukaemia as a multistate process, consistent in time.

Diagnosis → complete remission or none; remission → relapse or death; relapse → death; transplants
in first remission, after relapse or without remission. The shape follows Gerstung M et al. Nat
Genet 2017;49:332-40; probabilities and times come from the published margins by genomic class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.synthetic.draws import choice, from_quantiles, happens, timed
from haemony.analysis.synthetic.margins import Flags, Floats, Integers, Margins

FIVE_YEARS = 1826.0
THREE_YEARS = 1096.0
YEAR = 365.25
_FIRST_REMISSION = 14.0
_LONGEST = 5384.0
_NEVER = 1e9


@dataclass(frozen=True)
class _States:
    """Days from day 0 on which each patient enters each state; ``_NEVER`` for those not entered."""

    remission: Floats
    relapse: Floats
    death: Floats


def draw_course(
    rng: np.random.Generator, classes: Integers, age: Floats, hazard: Floats, margins: Margins
) -> pl.DataFrame:
    """Draw remission, relapse, transplant, death and follow-up of in-silico patients.

    Args:
        rng: Where random numbers come from.
        classes: Position of each patient's genomic class.
        age: Age in years; older patients fare worse, with the published hazard ratio.
        hazard: Factor on every patient's hazards, 1 for none.
        margins: Published figures.

    Returns:
        ``complete_remission_day``, ``relapse_day``, ``transplant_day``, ``transplant_type``,
        ``transplant_phase``, ``last_contact_day`` and ``dead``: whole days from day 0, null where
        it did not happen within follow-up. Remission lies before relapse, relapse not after last
        contact, and no transplant after it.
    """
    size = classes.size
    decades = (age - margins.by_class("age median (a)")[classes]) / 10
    risk = hazard * np.exp(margins.one("age log hazard ratio (/10 a)") * decades)
    states = _states(rng, classes, risk, margins)
    quantiles = margins.of("follow-up quantile (d)")
    followed = np.floor(from_quantiles(rng.random(size), quantiles, 30.0, _LONGEST))
    last = np.minimum(states.death, followed)
    remission = _seen(states.remission, last)
    relapse = _seen(states.relapse, last)
    transplants = _transplants(rng, remission, relapse, last, margins)
    return pl.DataFrame(
        {
            "complete_remission_day": _days(remission),
            "relapse_day": _days(relapse),
            **transplants,
            "last_contact_day": _days(last),
            "dead": states.death <= followed,
        }
    )


def _probability(share: Floats, risk: Floats) -> Floats:
    """The share of patients with an event, under a factor on its hazard."""
    return 1 - (1 - np.clip(share, 0, 0.999)) ** risk


def _states(rng: np.random.Generator, classes: Integers, risk: Floats, margins: Margins) -> _States:
    size = classes.size

    def figure(feature: str) -> Floats:
        return margins.by_class(feature)[classes]

    remits = ~happens(rng, _probability(1 - figure("remission share"), risk), size)
    remission = np.floor(timed(rng, size, margins, "remission", _FIRST_REMISSION, 1162))
    relapsing = figure("relapse share five years after remission")
    dying = figure("death in remission share five years after it")
    leaves = _probability(relapsing + dying, risk)
    by_relapse = happens(rng, relapsing / (relapsing + dying), size)
    left = remits & happens(rng, leaves, size)
    relapses, dies = left & by_relapse, left & ~by_relapse
    relapse = remission + np.ceil(timed(rng, size, margins, "remission to relapse", 15, FIVE_YEARS))
    late = np.ceil(FIVE_YEARS - YEAR * np.log1p(-rng.random(size)) / _late_rate(risk, margins))
    death = np.maximum(late, np.where(relapses, relapse + THREE_YEARS, 0))
    until = timed(rng, size, margins, "remission to death without relapse", 3, FIVE_YEARS)
    death = np.where(dies, remission + np.ceil(until), death)
    lives = figure("alive share three years after relapse") ** risk
    dies_after = relapses & ~happens(rng, lives, size)
    after = timed(rng, size, margins, "relapse to death", 1, THREE_YEARS)
    death = np.where(dies_after, relapse + np.ceil(after), death)
    refractory = timed(rng, size, margins, "death without remission", 1, THREE_YEARS)
    cured = happens(rng, margins.one("alive share three years without remission"), size)
    death = np.where(~remits & ~cured, np.ceil(refractory), death)
    return _States(np.where(remits, remission, _NEVER), np.where(relapses, relapse, _NEVER), death)


def _late_rate(risk: Floats, margins: Margins) -> Floats:
    return margins.one("death rate after five years (/a)") * risk


def _seen(event: Floats, last: Floats) -> Floats:
    """Events after last contact have not been seen."""
    return np.where(event <= last, event, np.nan)


def _days(days: Floats) -> pl.Series:
    return pl.Series(days).fill_nan(None).cast(pl.Int32)


def _transplants(
    rng: np.random.Generator, remission: Floats, relapse: Floats, last: Floats, margins: Margins
) -> dict[str, pl.Series]:
    """At most one transplant per patient: in first remission, after relapse or without either."""
    size = last.size
    remitted, relapsed = ~np.isnan(remission), ~np.isnan(relapse)
    end = np.where(relapsed, relapse - 1, last)

    first = remission + np.ceil(timed(rng, size, margins, "remission to transplant", 10, 330))
    in_first = _chosen(rng, remitted, remitted & (first <= end), margins, "in first remission")
    second = relapse + np.ceil(timed(rng, size, margins, "relapse to transplant", 10, 406))
    possible = relapsed & ~in_first & (second <= last)
    after_relapse = _chosen(rng, relapsed, possible, margins, "after relapse")
    third = np.ceil(timed(rng, size, margins, "transplant without remission", 30, 1135))
    possible = ~remitted & (third <= last)
    refractory = _chosen(rng, ~remitted, possible, margins, "without remission")

    day = np.full(size, np.nan)
    phase = np.full(size, "", dtype="<U16")
    later = np.where(happens(rng, 0.5, size), "CR2", "first relapse")
    cases = ((in_first, first, "CR1"), (refractory, third, "first refractory"))
    for chosen, on, name in cases:
        day, phase = np.where(chosen, on, day), np.where(chosen, name, phase)
    day, phase = np.where(after_relapse, second, day), np.where(after_relapse, later, phase)
    graft = choice(rng, size, *margins.shares("transplant type patients"))
    done = ~np.isnan(day)
    return {
        "transplant_day": _days(day),
        "transplant_type": _where(done, graft),
        "transplant_phase": _where(done, phase),
    }


def _chosen(
    rng: np.random.Generator, group: Flags, possible: Flags, margins: Margins, name: str
) -> Flags:
    """Pick among those who live long enough, so that the share of the whole group is met."""
    wanted = margins.one(f"transplant share {name}") * np.count_nonzero(group)
    share = float(wanted) / max(1, int(np.count_nonzero(possible)))
    return possible & happens(rng, min(1.0, share), group.size)


def _where(known: Flags, values: np.typing.NDArray[np.str_]) -> pl.Series:
    frame = pl.DataFrame({"known": known, "value": values})
    return frame.select(pl.when("known").then("value").alias("value")).to_series()
