"""Events that rule each other out: incidences, Gray's test, and models of one of them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from haemony.analysis import survival
from haemony.analysis.answers.ground import (
    Ground,
    grouped,
    missing_of,
    named,
    regression,
    strata_terms,
)
from haemony.analysis.blocks import CompetingBlock, covariates
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import CompetingFound, GroupsTest, Regression
from haemony.analysis.grouping import GROUP
from haemony.analysis.keys import BadProtocol
from haemony.analysis.survival.comparing.gray import gray
from haemony.analysis.survival.competing.fine_gray import fine_gray


def find_competing(ground: Ground, block: CompetingBlock) -> CompetingFound:
    """Estimate cumulative incidences by group and compare the groups."""
    clock = ground.clocks[block.endpoint]
    if not clock.others:
        raise BadProtocol(
            f"{block.key}.endpoint",
            f"nothing competes with {clock.name!r}",
            'choose an endpoint that has competing ones, such as "cir"',
        )
    table = ground.of(block.population)
    complete, missing = grouped(
        ground, table, block.by, block.cuts, clock, event=clock.outcome, key=block.key
    )
    formula = f"{clock.competing_response} ~ {GROUP}"
    estimate = survival.aalen_johansen(formula, complete)
    curves = tuple(
        survival.Incidence(**{**vars(curve), "group": curve.group.removeprefix(f"{GROUP}=")})
        for curve in estimate.curves
    )
    return CompetingFound(
        block=block,
        clock=clock,
        curves=curves,
        tests=tuple(_tests(block, clock, complete)) if len(curves) > 1 else (),
        models=tuple(_models(ground, block, clock, table)) if block.formula else (),
        missing=missing,
    )


def _tests(block: CompetingBlock, clock: Clock, complete: pl.DataFrame) -> Iterator[GroupsTest]:
    """Gray's test for each kind of event; none where entry is delayed, which it does not know."""
    if clock.modelled:
        return
    test = gray(f"{clock.competing_response} ~ {GROUP}{strata_terms(block.strata)}", complete)
    for state, statistic, df, p in zip(test.states, test.statistic, test.df, test.p, strict=True):
        yield GroupsTest(state, float(statistic), int(df), float(p))


def _models(
    ground: Ground, block: CompetingBlock, clock: Clock, table: pl.DataFrame
) -> Iterator[Regression]:
    """The cause-specific Cox model, competing events censored, and the model of Fine and Gray."""
    names = covariates(block.formula)
    terms = f"{block.formula}{strata_terms(block.strata)}"
    covered = ground.covered(table, names)
    needed = [clock.days, clock.outcome, *names, *block.strata]
    complete = covered.drop_nulls(needed)
    missing = missing_of(covered, complete, needed)
    fit = survival.cox(f"{clock.response} ~ {terms}", complete)
    labels = named(fit, ground, block.labels)
    yield regression("Cause-specific Cox model", fit, labels, missing, (fit.n, fit.events))
    formula, plain = f"{clock.competing_response} ~ {terms}", not (clock.modelled or block.strata)
    sub = fine_gray(
        formula, complete, cause=clock.label, convention="cmprsk" if plain else "finegray"
    )
    yield regression("Fine–Gray model", sub, labels, missing, (sub.n, sub.events))
