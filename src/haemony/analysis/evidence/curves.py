"""Survival and incidence over time, by group."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis import survival
from haemony.analysis.blocks import CompetingBlock, LandmarkBlock, MeanBlock, SurvivalBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence.effects import Effect, Regression


@dataclass(frozen=True, eq=False)
class EndpointFound:
    """One endpoint over the whole cohort.

    Attributes:
        clock: its definition, and how its time runs here.
        curve: survival of everybody.
        follow_up: how long they were watched, censoring being the event.
        missing: members whose time or event is unknown, or lies outside the clock.
    """

    clock: Clock
    curve: survival.Curve
    follow_up: survival.Curve
    missing: int


@dataclass(frozen=True, eq=False)
class SurvivalFound:
    """Survival by group.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        curves: one curve per group, named as people read it.
        watched: how long each group was watched, censoring being the event.
        test: the log-rank test; None for a single group.
        everyone: the curve of all groups together.
        missing: members left out, and why.
    """

    block: SurvivalBlock
    clock: Clock
    curves: tuple[survival.Curve, ...]
    watched: tuple[survival.Curve, ...]
    test: survival.LogRank | None
    everyone: survival.Curve
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class MeansFound:
    """Mean survival up to a horizon.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        means: per group, the mean in days.
        differences: each group's mean less that of the first, in days.
        missing: members left out, and why.
        still: groups in which nobody has an event before the horizon.
    """

    block: MeanBlock
    clock: Clock
    means: tuple[Effect, ...]
    differences: tuple[Effect, ...]
    missing: survival.Missing
    still: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupsTest:
    """A test that groups do not differ in one kind of event."""

    event: str
    statistic: float
    df: int
    p: float


@dataclass(frozen=True, eq=False)
class CompetingFound:
    """Cumulative incidences of events that rule each other out.

    Attributes:
        block: what was asked.
        clock: the endpoint and its competitors.
        curves: the incidences of each group, named as people read it.
        tests: Gray's test per kind of event; none for a single group.
        models: the cause-specific and the Fine–Gray model of the endpoint; none unless asked for.
        missing: members left out, and why.
    """

    block: CompetingBlock
    clock: Clock
    curves: tuple[survival.Incidence, ...]
    tests: tuple[GroupsTest, ...]
    models: tuple[Regression, ...]
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class LandmarkFound:
    """A comparison from a landmark on.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        before: patients whose follow-up ended at the landmark or before.
        curves: survival from the landmark on, unexposed first.
        test: the log-rank test; None where one group is empty.
        model: the hazard ratio of the exposure, and of what it was adjusted for.
        everyone: both groups together.
        missing: members left out, and why.
    """

    block: LandmarkBlock
    clock: Clock
    before: int
    curves: tuple[survival.Curve, ...]
    test: survival.LogRank | None
    model: Regression | None
    everyone: survival.Curve
    missing: survival.Missing
