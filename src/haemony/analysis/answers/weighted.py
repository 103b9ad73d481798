"""Groups nobody drew lots for, weighted to be alike: a trial beside patients from elsewhere.

Cole SR, Hernán MA (2004) Adjusted survival curves with inverse probability weights. Computer
Methods and Programs in Biomedicine 75:45-49.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from haemony.analysis import causal, survival, wording
from haemony.analysis.answers.ground import Ground, grouped, missing_of, regression
from haemony.analysis.blocks import WeightedBlock, covariates
from haemony.analysis.causal.propensity import by_chance
from haemony.analysis.cells import hides, told_of
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import (
    Balanced,
    Regression,
    WeightedAt,
    WeightedFound,
    WeightedPair,
)
from haemony.analysis.grouping import GROUP, present
from haemony.analysis.keys import BadProtocol


def find_weighted(ground: Ground, block: WeightedBlock, days: float) -> WeightedFound:
    """Compare one group with each other one, weighted to be alike.

    Args:
        ground: the patients.
        block: what is asked.
        days: days in one unit of the report's time.
    """
    clock = ground.clocks[block.endpoint]
    if clock.others:
        raise BadProtocol(
            f"{block.key}.endpoint",
            f"{block.endpoint!r} has competing events",
            "choose an endpoint without, such as os",
        )
    names = covariates(block.given)
    table = ground.covered(ground.of(block.population), names)
    known, _ = grouped(ground, table, (block.by,), {}, clock, event=clock.event, key=block.key)
    rows = known.drop_nulls(names)
    labels = present(rows[GROUP])
    treated = _treated(ground, block, labels)
    order = [*(label for label in labels if label != treated), treated]
    asked = [at * days for at in block.at]
    return WeightedFound(
        block=block,
        clock=clock,
        treated=treated,
        target=causal.TARGETS[block.estimand],
        groups=tuple(_size(rows, clock, label) for label in order),
        pairs=tuple(
            _pair(ground, block, clock, _two(rows, other, treated), asked) for other in order[:-1]
        ),
        missing=missing_of(table, rows, [clock.days, clock.event, block.by, *names]),
    )


def _treated(ground: Ground, block: WeightedBlock, labels: Sequence[str]) -> str:
    """The group that is compared with the others."""
    if len(labels) < 2:
        raise survival.NothingToAnalyse(
            "fewer than two groups have patients whose time, event and covariates are known",
            remedy="leave out of `given` what is missing most often, or choose another element",
        )
    if not block.treated:
        return labels[-1]
    label = wording.group(ground.catalogue[block.by], block.treated)
    if label not in labels:
        raise BadProtocol(
            f"{block.key}.treated",
            f"no patient with known covariates has {block.treated!r} as {block.by!r}",
            "give a value that the release has; the baseline table lists them",
        )
    return label


def _size(rows: pl.DataFrame, clock: Clock, label: str) -> tuple[str, int, int]:
    mine = rows.filter(pl.col(GROUP) == label)
    return label, mine.height, int(mine[clock.event].sum())


def _two(rows: pl.DataFrame, other: str, treated: str) -> pl.DataFrame:
    """The patients of two groups, the treated second."""
    pair = pl.Enum([other, treated])
    return (
        rows.with_columns(pl.col(GROUP).cast(pl.String))
        .filter(pl.col(GROUP).is_in([other, treated]))
        .with_columns(pl.col(GROUP).cast(pair))
    )


def _pair(
    ground: Ground, block: WeightedBlock, clock: Clock, rows: pl.DataFrame, asked: Sequence[float]
) -> WeightedPair:
    """The treated beside one other group."""
    formula = f"{clock.response} ~ {GROUP}"
    model, curves = _weigh(formula, block, rows)
    other, treated = present(rows[GROUP])
    label, size = f"{treated}, against {other}", (rows.height, model.fit.events)

    def told(fit: survival.CoxFit, method: str) -> Regression:
        return regression(method, fit, [label], survival.Missing(), size)

    score, balance = model.parts.score, model.parts.balance
    chance = by_chance(balance.n[0], balance.n[1])
    overlap = score.overlap
    return WeightedPair(
        others=other,
        sizes=(balance.n[1], balance.n[0]),
        effective=(balance.effective[1], balance.effective[0]),
        crude=told(survival.cox(formula, rows), "Cox model"),
        weighted=told(model.fit, "Cox model, weighted"),
        balance=tuple(_balanced(ground, score, balance)),
        at=tuple(_at(curves, time) for time in asked),
        strange=max(overlap.sure, overlap.outside if overlap.outside > chance else 0),
        notes=tuple(
            _told(note, overlap, rows.height, ground.least)
            for note in model.parts.notes
            if not _advised(note, block.estimand)
        ),
    )


def _advised(note: str, estimand: str) -> bool:
    """Whether a note advises overlap weights where they are in use."""
    return estimand in ("overlap", "matching") and "consider overlap weights" in note


def _told(note: str, overlap: causal.Overlap, total: int, least: int) -> str:
    """A note on the score without a count that is too small to be told."""
    for count in (overlap.sure, overlap.outside):
        said = f"{count} of {total} patients"
        if note.startswith(said) and hides(least, count, total - count):
            return note.replace(said, told_of(count, total, least), 1)
    return note


def _weigh(
    formula: str, block: WeightedBlock, rows: pl.DataFrame
) -> tuple[causal.IptwCox, causal.IptwCurves]:
    """The weighted model and the weighted curves."""
    truncate = (block.truncate[0], block.truncate[1]) if block.truncate else None
    given, estimand = block.given, block.estimand
    return (
        causal.iptw_cox(formula, rows, given=given, estimand=estimand, truncate=truncate),
        causal.iptw_curves(formula, rows, given=given, estimand=estimand, truncate=truncate),
    )


def _balanced(
    ground: Ground, score: causal.Propensity, balance: causal.Balance
) -> Iterator[Balanced]:
    categories = score.fit.design.categories if score.fit.design else {}
    references = {name: levels[0] for name, levels in categories.items()}
    for row in balance.frame.iter_rows(named=True):
        label = wording.coefficient(row["term"], ground.catalogue, references, {})
        yield Balanced(label, row["difference"], row["difference_after"])


def _at(curves: causal.IptwCurves, days: float) -> WeightedAt:
    """Weighted survival of both groups at a time, and its difference where both are followed."""
    rows = list(curves.curves.at([days]).iter_rows(named=True))
    values = [_estimate(row, "survival") for row in rows]
    both = all(value is not None for value in values)
    gap = curves.difference(days).row(0, named=True) if both else {"difference": None}
    return WeightedAt(days, values[0], values[1], _estimate(gap, "difference"))


def _estimate(row: Mapping[str, Any], name: str) -> survival.Estimate | None:
    """An estimate with its limits, which are NaN where there are none; None without a value."""
    if row[name] is None:
        return None
    return survival.Estimate(row[name], *(_limit(row[side]) for side in ("lower", "upper")))


def _limit(value: float | None) -> float:
    return float("nan") if value is None else value
