"""One effect within subgroups, and whether it differs between them.

Each way to divide patients has one test of interaction; subgroups are never judged one by one.
"""

from __future__ import annotations

import polars as pl

from haemony.analysis import survival
from haemony.analysis.answers.ground import Ground, missing_of, named, strata_terms
from haemony.analysis.blocks import SubgroupBlock, covariates
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import Effect, SubgroupsFound, SubgroupsOf
from haemony.analysis.grouping import GROUP, grouping, present
from haemony.analysis.keys import BadProtocol
from haemony.analysis.survival.regression.cox import ChiSquared
from haemony.model.errors import HaemonyError


def find_subgroups(ground: Ground, block: SubgroupBlock) -> SubgroupsFound:
    """Estimate an effect in everybody and in each subgroup, and test the interactions."""
    clock = ground.clocks[block.endpoint]
    names = covariates(block.adjust)
    table = ground.covered(ground.of(block.population), names)
    needed = [clock.days, clock.event, block.effect, *names, *block.strata]
    complete = table.drop_nulls(needed)
    fit = survival.cox(_formula(block, clock, block.effect), complete)
    if len(fit.names) < 1 or not _is_one(complete, block.effect):
        raise BadProtocol(
            f"{block.key}.effect",
            f"{block.effect!r} has not exactly two groups here and is no number",
            "choose an element of two groups or a number, or narrow the population",
        )
    return SubgroupsFound(
        block=block,
        clock=clock,
        label=named(fit, ground, {})[0],
        overall=_effect("Everybody", fit),
        parts=tuple(_part(ground, block, clock, complete, name) for name in block.within),
        missing=missing_of(table, complete, needed),
    )


def _is_one(table: pl.DataFrame, effect: str) -> bool:
    """Whether the element has a single coefficient."""
    return table[effect].dtype.is_numeric() or table[effect].n_unique() == 2


def _formula(block: SubgroupBlock, clock: Clock, effect: str) -> str:
    adjust = f" + {block.adjust}" if block.adjust else ""
    return f"{clock.response} ~ {effect}{adjust}{strata_terms(block.strata)}"


def _part(
    ground: Ground, block: SubgroupBlock, clock: Clock, complete: pl.DataFrame, name: str
) -> SubgroupsOf:
    cuts = {name: block.cuts[name]} if name in block.cuts else {}
    groups = grouping(complete, (name,), cuts, ground.catalogue, f"{block.key}.within")
    divided = complete.with_columns(groups.alias(GROUP)).drop_nulls(GROUP)
    levels = present(divided[GROUP])
    effects = tuple(
        _within(block, clock, divided.filter(pl.col(GROUP) == level), level) for level in levels
    )
    label = ground.label(name)
    try:
        test = _interaction(block, clock, divided.with_columns(_shrunk(levels)))
    except HaemonyError as error:
        return SubgroupsOf(name, label, effects, None, str(error).partition(";")[0])
    return SubgroupsOf(name, label, effects, test)


def _shrunk(levels: list[str]) -> pl.Expr:
    return pl.col(GROUP).cast(pl.String).cast(pl.Enum(levels))


def _within(block: SubgroupBlock, clock: Clock, table: pl.DataFrame, level: str) -> Effect:
    try:
        fit = survival.cox(_formula(block, clock, block.effect), table)
    except HaemonyError as error:
        events = int(table[clock.event].sum())
        why = str(error).partition(";")[0]
        return Effect(level, None, None, None, None, table.height, events, why)
    if not fit.names or not fit.names[0].startswith(block.effect):
        why = "the effect does not vary here"
        return Effect(level, None, None, None, None, fit.n, fit.events, why)
    return _effect(level, fit)


def _effect(label: str, fit: survival.CoxFit) -> Effect:
    """The first coefficient of a model."""
    row = fit.table().row(0, named=True)
    ratio, limits = row["hazard_ratio"], (row["lower"], row["upper"])
    why = "no finite estimate" if fit.names[0] in fit.infinite else ""
    value = None if why else ratio
    return Effect(label, value, *limits, row["p"], fit.n, fit.events, why)


def _interaction(block: SubgroupBlock, clock: Clock, table: pl.DataFrame) -> ChiSquared:
    """Likelihood-ratio test that the effect is the same in all groups."""
    plain = survival.cox(_formula(block, clock, f"{block.effect} + {GROUP}"), table)
    crossed = survival.cox(_formula(block, clock, f"{block.effect} * {GROUP}"), table)
    df = len(crossed.names) - len(plain.names)
    if df < 1:
        raise survival.NothingToAnalyse("there is one group", remedy="choose another element")
    gain = crossed.log_likelihood.fitted - plain.log_likelihood.fitted
    return ChiSquared(max(2 * gain, 0.0), df)
