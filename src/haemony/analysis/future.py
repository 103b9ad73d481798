"""Values of the future where nobody looks for them: in criteria, and in adjusters of a landmark.

A criterion that is met during follow-up selects patients who lived to meet it; a landmark analysis
that is adjusted for what becomes known after its landmark looks ahead as well. Suissa S (2008)
Immortal time bias in pharmacoepidemiology. American Journal of Epidemiology 167:492-499.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import polars as pl

from haemony.analysis.answers.ground import Ground, meets
from haemony.analysis.blocks import Block, LandmarkBlock, covariates
from haemony.analysis.cells import hides, told
from haemony.analysis.clocks import ENTRY, Clock
from haemony.analysis.cohorts import Criterion, Known, Within
from haemony.analysis.evidence import Caution, Doubt, LandmarkFound, TimeDependentFound
from haemony.analysis.protocol import Protocol
from haemony.model.endpoint import Anchor

FOLLOWED = (
    "vital_status",
    "last_contact_day",
    "observed_until_day",
    "event_free_day",
    "event_free_status",
    "disease_specific_day",
    "disease_specific_status",
)
"""What says that a patient was followed; asking that it is known selects no survivors."""


@dataclass(frozen=True, eq=False)
class Foresight:
    """What is needed to tell the future from the past.

    Attributes:
        plan: the plan.
        ground: the patients.
        later: elements whose value is known only after day 0, and when.
        start: what day 0 stands for.
    """

    plan: Protocol
    ground: Ground
    later: Mapping[str, Anchor]
    start: Anchor

    def starts(self, clock: Clock) -> Anchor:
        """When a clock starts."""
        origin = clock.endpoint.origin
        return self.start if origin is Anchor.DAY_0 else origin


def criteria_of_the_future(sight: Foresight) -> Iterator[Caution]:
    """Criteria that are met only after a clock has started, one warning for each."""
    plan = sight.plan
    ends = {
        name: [end for block in plan.analyses for end in _endpoint(block, name)]
        for name in ("", *(one.name for one in plan.populations))
    }
    everywhere = [end for names in ends.values() for end in names]
    yield from _selected(sight, "cohort", "Who was studied", plan.criteria, everywhere)
    for part in plan.populations:
        yield from _selected(sight, part.key, part.name, part.criteria, ends[part.name])
    for change in plan.sensitivities:
        again = [end for block in plan.under(change).analyses for end in _endpoint(block)]
        yield from _selected(sight, change.key, change.name, change.criteria, again)


def adjusters_of_the_future(sight: Foresight, found: LandmarkFound) -> Iterator[Caution]:
    """What a landmark analysis is adjusted for and becomes known after the landmark."""
    block, clock = found.block, found.clock
    start = sight.starts(clock)
    members = sight.ground.of(block.population).filter(pl.col(clock.days) > block.day)
    for name in dict.fromkeys((*covariates(block.adjust), *block.strata)):
        known = sight.later.get(name)
        if known is None or known.rank <= start.rank or name == ENTRY:
            continue
        having = members.filter(pl.col(name).is_not_null())
        limit = pl.lit(block.day) + _shift(clock)
        told_late = _late(sight, having, name, known, limit)
        if told_late is None:
            continue
        when, number = told_late
        yield Caution(
            Doubt.IMMORTAL_TIME,
            block.key,
            block.title,
            f"{sight.ground.label(name)} adjusts from the landmark on, day {block.day:g}, and is "
            f"known {when}",
            "adjust for what is known by the landmark, choose a later one, or let it count from "
            "its day on with [[time_dependent]]",
            number,
        )


def counting_by_the_future(
    sight: Foresight, found: LandmarkFound | TimeDependentFound
) -> Iterator[Caution]:
    """Conditions on an exposure that are known only after it counts.

    An exposure counts from the landmark on, or from its own day on; whether it does has to be known
    by then.
    """
    block, clock = found.block, found.clock
    start, exposure = sight.starts(clock), sight.later.get(block.exposure)
    members = sight.ground.of(block.population)
    if isinstance(block, LandmarkBlock):
        limit = pl.lit(block.day) + _shift(clock)
        since, then = f"from the landmark on, day {block.day:g},", "the landmark"
        remedy = "count by what is known by the landmark, or choose a later one"
        members = members.filter(pl.col(clock.days) > block.day)
    else:
        limit, since, then = pl.col(block.exposure), "from its day on", "that day"
        remedy = "count by what is known on the day of exposure"
    exposed = members.filter(pl.col(block.exposure) <= limit)
    for criterion in block.counts_if:
        name, known = criterion.element, _known(criterion, sight)
        with_it = known is not None and known is exposure
        if known is None or known.rank <= start.rank or with_it or name == block.exposure:
            continue
        if isinstance(block, LandmarkBlock) and _survived(criterion, block.day):
            continue
        met = exposed.filter(meets(exposed, [criterion]))
        told_late = _late(sight, met, name, known, limit, then)
        if told_late is None:
            continue
        when, number = told_late
        yield Caution(
            Doubt.IMMORTAL_TIME,
            block.key,
            block.title,
            f"the exposure counts {since} if “{criterion.label}”, which is known {when}",
            remedy,
            number,
        )


def _shift(clock: Clock) -> pl.Expr:
    """The day on which a clock starts."""
    origin = clock.endpoint.origin.element
    return pl.col(origin) if origin else pl.lit(0)


def _survived(criterion: Criterion, day: float) -> bool:
    """Whether it asks no more than to have lived until a day by which everybody has."""
    condition = criterion.condition
    lived = isinstance(condition, Within) and condition.low <= day and condition.high == inf
    return lived and criterion.element.endswith("_days")


def _late(
    sight: Foresight,
    having: pl.DataFrame,
    name: str,
    known: Anchor,
    limit: pl.Expr,
    then: str = "it",
) -> tuple[str, float | None] | None:
    """When something is known that comes after a limit, in words, and in how many patients.

    Args:
        sight: what is needed to tell the future from the past.
        having: the patients who have it.
        name: the element.
        known: when it becomes known.
        limit: the day by which it should be.
        then: that day in words.

    Returns:
        None where all know it by then.
    """
    day = name if name.endswith("_day") else known.element
    if day not in having.columns or not having[day].count():
        return f"only {moment(known)}, and no day says whether that was before {then}", None
    late = having.filter(pl.col(day) > limit).height
    least = sight.ground.least
    if not late:
        return None
    number = None if hides(least, late) else float(late)
    return f"only after {then} in {told(late, least)} patients", number


def moment(known: Anchor) -> str:
    """When a value becomes known, in words."""
    return "during follow-up" if known is Anchor.FOLLOW_UP else f"at the {known.value}"


def start_words(start: Anchor) -> str:
    """When a clock starts, in words."""
    return "day 0" if start is Anchor.DAY_0 else f"the {start.value}"


def _endpoint(block: Block, population: str | None = None) -> list[str]:
    """The endpoint of a block, if it has one and is about this population, where one is given."""
    mine = population is None or block.population == population
    end = getattr(block, "endpoint", "")
    return [end] if mine and end else []


def _selected(
    sight: Foresight, key: str, title: str, criteria: Sequence[Criterion], endpoints: Sequence[str]
) -> Iterator[Caution]:
    clocks = [sight.ground.clocks[name] for name in dict.fromkeys(endpoints)]
    for criterion in criteria:
        known = _known(criterion, sight)
        if known is None:
            continue
        ahead = [clock for clock in clocks if sight.starts(clock).rank < known.rank]
        if not ahead:
            continue
        starts = " and ".join(dict.fromkeys(start_words(sight.starts(one)) for one in ahead))
        ends = ", ".join(dict.fromkeys(one.label for one in ahead))
        yield Caution(
            Doubt.IMMORTAL_TIME,
            key,
            title,
            f"the criterion “{criterion.label}” is met only {moment(known)}, and {ends} "
            f"{'is' if len(ahead) == 1 else 'are'} counted from {starts} on: who is studied had to "
            "live until then",
            "take an endpoint whose clock starts when it is known, or compare from a [[landmark]] "
            "on; otherwise say that the result is about survivors",
            None,
        )


def _known(criterion: Criterion, sight: Foresight) -> Anchor | None:
    """When it is known that a patient meets a criterion; None where that is no later than day 0."""
    name, condition = criterion.element, criterion.condition
    if name == ENTRY:
        return None
    past = isinstance(condition, Within) and condition.high <= 0
    there = isinstance(condition, Known)
    if name in sight.ground.catalogue:
        known = sight.later.get(name)
        if name in FOLLOWED and (there or _any_time(criterion)):
            return None
        return None if past and name.endswith("_day") else known
    if there or past or _any_time(criterion):
        return None
    return Anchor.FOLLOW_UP


def _any_time(criterion: Criterion) -> bool:
    """Whether it asks of a time no more than that it is not before its origin."""
    condition = criterion.condition
    return isinstance(condition, Within) and condition.low <= 1 and condition.high == inf
