"""Who the patients are and how long they live: baseline, curves, restricted means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from haemony.analysis import survival
from haemony.analysis.answers.ground import Ground, grouped, strata_terms
from haemony.analysis.blocks import Baseline, MeanBlock, SurvivalBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.describe import describe
from haemony.analysis.evidence import (
    BaselineFound,
    Effect,
    EndpointFound,
    MeansFound,
    SurvivalFound,
)
from haemony.analysis.grouping import GROUP, grouping, present
from haemony.analysis.survival.curves.restricted_mean import restricted_mean


def find_endpoint(members: pl.DataFrame, clock: Clock) -> EndpointFound:
    """Estimate an endpoint over the whole cohort."""
    formula = f"{clock.response} ~ 1"
    estimate = survival.kaplan_meier(formula, members)
    watched = survival.follow_up(formula, members)
    return EndpointFound(clock, estimate.curves[0], watched.curves[0], estimate.missing.rows)


def find_baseline(ground: Ground, block: Baseline) -> BaselineFound:
    """Describe patients at baseline."""
    members = ground.of(block.population)
    elements = tuple(ground.catalogue[name] for name in block.elements)
    if not block.by:
        table = describe(members, block.elements)
    else:
        cuts = {block.by: block.cuts} if block.cuts else {}
        groups = grouping(members, (block.by,), cuts, ground.catalogue, f"{block.key}.by")
        table = describe(
            members.with_columns(groups.alias(GROUP)),
            block.elements,
            by=GROUP,
            comparison=block.compare,
        )
    return BaselineFound(block, table, elements)


def find_survival(ground: Ground, block: SurvivalBlock) -> SurvivalFound:
    """Estimate survival by group and compare the groups."""
    clock = ground.clocks[block.endpoint]
    complete, missing = grouped(
        ground,
        ground.of(block.population),
        block.by,
        block.cuts,
        clock,
        event=clock.event,
        key=block.key,
    )
    estimate = survival.kaplan_meier(f"{clock.response} ~ {GROUP}", complete)
    formula = f"{clock.response} ~ {GROUP}{strata_terms(block.strata)}"
    test = survival.logrank(formula, complete) if len(estimate.curves) > 1 else None
    everyone = survival.kaplan_meier(f"{clock.response} ~ 1", complete).curves[0]
    return SurvivalFound(
        block=block,
        clock=clock,
        curves=tuple(map(renamed, estimate.curves)),
        watched=survival.follow_up(f"{clock.response} ~ {GROUP}", complete).curves,
        test=test,
        everyone=everyone,
        missing=missing,
    )


def renamed(curve: survival.Curve) -> survival.Curve:
    """A curve under the name of its group alone."""
    return survival.Curve(**{**vars(curve), "group": _plain(curve.group)})


def find_means(ground: Ground, block: MeanBlock, days: float) -> MeansFound:
    """Estimate mean survival up to a horizon, by group.

    Args:
        ground: the patients.
        block: what is asked.
        days: the horizon in days.
    """
    clock = ground.clocks[block.endpoint]
    complete, missing = grouped(
        ground,
        ground.of(block.population),
        block.by,
        block.cuts,
        clock,
        event=clock.event,
        key=block.key,
    )
    estimate = restricted_mean(f"{clock.response} ~ {GROUP}", complete, tau=days)
    sizes = {group: (n, events) for group, n, events in _sizes(complete, clock.event).iter_rows()}
    early = pl.col(clock.event) & (pl.col(clock.days) <= days)
    eventful = {group for group, _, events in _sizes(complete, early).iter_rows() if events}
    still = tuple(group for group in present(complete[GROUP]) if group not in eventful)
    means = tuple(_mean(row, sizes, still) for row in estimate.table().iter_rows(named=True))
    differences = tuple(
        _difference(row, sizes, still) for row in estimate.contrasts().iter_rows(named=True)
    )
    return MeansFound(block, clock, means, differences, missing, still)


def _sizes(complete: pl.DataFrame, event: str | pl.Expr) -> pl.DataFrame:
    """Group, patients and events."""
    died = pl.col(event) if isinstance(event, str) else event
    return complete.group_by(pl.col(GROUP).cast(pl.String), maintain_order=True).agg(
        pl.len().alias("n"), died.sum().alias("events")
    )


def _mean(
    row: Mapping[str, Any], sizes: Mapping[str, tuple[int, int]], still: Sequence[str]
) -> Effect:
    """One group's mean; without limits where nobody has an event before the horizon."""
    group = _plain(row["group"])
    n, events = sizes[group]
    if group in still:
        return Effect(group, row["mean"], None, None, None, n, events, "no event by then")
    return Effect(group, row["mean"], row["lower"], row["upper"], None, n, events)


def _difference(
    row: Mapping[str, Any], sizes: Mapping[str, tuple[int, int]], still: Sequence[str]
) -> Effect:
    """One group's mean less that of the first; without limits where one of them has none."""
    one, other = _plain(row["group"]), _plain(row["against"])
    label = f"{one}, less {other}"
    n, events = (a + b for a, b in zip(sizes[one], sizes[other], strict=True))
    if without := [group for group in (one, other) if group in still]:
        why = f"limits not known: no event by then in {' and '.join(without)}"
        return Effect(label, row["difference"], None, None, None, n, events, why)
    limits = row["lower"], row["upper"]
    return Effect(label, row["difference"], *limits, row["p"], n, events)


def _plain(group: str) -> str:
    return group.removeprefix(f"{GROUP}=")
