"""Exposures that begin during follow-up: landmark and time-dependent analyses.

Whoever is exposed has lived until then. Counting that time as time under exposure is immortal time
bias; a landmark and a covariate that changes on the day of exposure both avoid it. Anderson JR,
Cain KC, Gelber RD (1983) Analysis of survival by tumor response. Journal of Clinical Oncology
1:710-719. Mantel N, Byar DP (1974) Evaluation of response-time data involving transient states.
Journal of the American Statistical Association 69:81-86.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from haemony.analysis import survival
from haemony.analysis.answers.ground import (
    Ground,
    meets,
    missing_of,
    named,
    regression,
    strata_terms,
)
from haemony.analysis.answers.survival import renamed
from haemony.analysis.blocks import LandmarkBlock, TimeDependentBlock, covariates
from haemony.analysis.cells import told
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence import LandmarkFound, Regression, TimeDependentFound
from haemony.analysis.grouping import GROUP
from haemony.analysis.keys import BadProtocol
from haemony.model.endpoint import Anchor

_START, _STOP, _DIED, _AT, EXPOSED = "start_day", "stop_day", "died", "exposure_at", "exposed"


@dataclass(frozen=True, eq=False)
class _Ready:
    """Patients with everything an analysis of an exposure needs.

    Attributes:
        table: one row per patient: entry, end, event and day of exposure on the endpoint's clock.
        missing: patients left out, and why.
        notes: what a reader must know of the days of exposure.
    """

    table: pl.DataFrame
    missing: survival.Missing
    notes: tuple[str, ...]


def find_landmark(ground: Ground, block: LandmarkBlock) -> LandmarkFound:
    """Compare, from a landmark on, who has been exposed by then with who has not."""
    clock = ground.clocks[block.endpoint]
    ready = _ready(ground, block, clock)
    watched = ready.table.filter(
        (pl.col(_STOP) > block.day) & (pl.col(_START) <= block.day)
    ).with_columns(
        (pl.col(_STOP) - block.day).alias(_STOP),
        (pl.col(_AT) <= block.day).fill_null(value=False).alias(EXPOSED),
    )
    if watched.is_empty():
        raise survival.NothingToAnalyse(
            "nobody is under observation at the landmark", remedy="choose an earlier landmark"
        )
    label = ground.label(block.exposure)
    by, without = f"{label} by the landmark", f"no {_lower(label)} by the landmark"
    names = pl.Enum([without, by])
    grouped = watched.with_columns(
        pl.when(EXPOSED).then(pl.lit(by)).otherwise(pl.lit(without)).cast(names).alias(GROUP)
    )
    response = f"Surv({_STOP}, {_DIED})"
    estimate = survival.kaplan_meier(f"{response} ~ {GROUP}", grouped)
    both = len(estimate.curves) > 1
    return LandmarkFound(
        block=block,
        clock=clock,
        before=ready.table.height - watched.height,
        curves=tuple(map(renamed, estimate.curves)),
        test=survival.logrank(f"{response} ~ {GROUP}{strata_terms(block.strata)}", grouped)
        if both
        else None,
        model=_model(
            ground,
            block,
            f"From the landmark on: {label}",
            grouped,
            ready,
            response,
            grouped.height,
        )
        if both
        else None,
        everyone=survival.kaplan_meier(f"{response} ~ 1", grouped).curves[0],
        missing=ready.missing,
    )


def find_time_dependent(ground: Ground, block: TimeDependentBlock) -> TimeDependentFound:
    """Let an exposure count from its day on, and show beside it what counting from day 0 gives."""
    clock = ground.clocks[block.endpoint]
    ready = _ready(ground, block, clock)
    table = ready.table.filter(pl.col(_STOP) > pl.col(_START))
    during = table.with_columns((pl.col(_AT) < pl.col(_STOP)).fill_null(value=False).alias(EXPOSED))
    exposed = during.filter(EXPOSED)
    if exposed.is_empty():
        raise survival.NothingToAnalyse(
            "nobody was exposed while under observation",
            remedy=f"look whether the release records {block.exposure!r}",
        )
    response = f"Surv({_START}, {_STOP}, {_DIED})"
    label = ground.label(block.exposure)
    middle = exposed[_AT].median()
    return TimeDependentFound(
        block=block,
        clock=clock,
        n=table.height,
        exposed=exposed.height,
        median_day=middle if isinstance(middle, float) else None,
        model=_model(
            ground,
            block,
            f"From its day on: {label}",
            _split(during),
            ready,
            response,
            table.height,
        ),
        naive=_model(
            ground,
            block,
            f"From the origin on: {label}",
            during,
            replace(ready, notes=()),
            response,
            table.height,
        ),
    )


def _ready(ground: Ground, block: LandmarkBlock | TimeDependentBlock, clock: Clock) -> _Ready:
    """Patients with a known time, event, covariates, and the exposure on the endpoint's clock."""
    table = ground.of(block.population)
    if not table[block.exposure].dtype.is_numeric():
        raise BadProtocol(
            f"{block.key}.exposure", f"{block.exposure!r} is no day", "name a day element"
        )
    names = covariates(block.adjust)
    covered = ground.covered(table, names)
    needed = [clock.days, clock.event, *names, *block.strata]
    complete = covered.drop_nulls(needed)
    origin = clock.endpoint.origin.element
    shift = pl.col(origin) if origin else pl.lit(0)
    counts = meets(complete, block.counts_if)
    on_clock = pl.when(counts).then(pl.col(block.exposure) - shift)
    ready = complete.with_columns(
        (pl.col(clock.entry) if clock.modelled else pl.lit(0)).cast(pl.Float64).alias(_START),
        pl.col(clock.days).cast(pl.Float64).alias(_STOP),
        pl.col(clock.event).alias(_DIED),
        on_clock.cast(pl.Float64).alias(_AT),
    )
    early = ready.filter(pl.col(_AT) < 0).height
    exposed_from_zero = ready.with_columns(pl.col(_AT).clip(lower_bound=0))
    notes = _said_of_early(ground, block.exposure, early, clock)
    return _Ready(exposed_from_zero, missing_of(covered, complete, needed), notes)


def _said_of_early(ground: Ground, exposure: str, early: int, clock: Clock) -> tuple[str, ...]:
    if not early:
        return ()
    origin = clock.endpoint.origin
    start = origin.value if origin is Anchor.DAY_0 else f"the {origin.value}"
    return (
        f"{ground.label(exposure)} before {start} in {told(early, ground.least)} "
        f"{'patient' if early == ground.least == 1 else 'patients'}, who count as exposed from "
        "then on",
    )


def _split(table: pl.DataFrame) -> pl.DataFrame:
    """Two rows for whoever is exposed after entry: the time before, and the time after."""
    changes = pl.col(EXPOSED) & (pl.col(_AT) > pl.col(_START))
    before = table.filter(changes).with_columns(
        pl.col(_AT).alias(_STOP),
        pl.lit(value=False).alias(_DIED),
        pl.lit(value=False).alias(EXPOSED),
    )
    after = table.with_columns(pl.when(changes).then(pl.col(_AT)).otherwise(_START).alias(_START))
    return pl.concat([before, after])


def _model(
    ground: Ground,
    block: LandmarkBlock | TimeDependentBlock,
    label: str,
    rows: pl.DataFrame,
    ready: _Ready,
    response: str,
    n: int,
) -> Regression:
    """The hazard ratio of the exposure, given the covariates."""
    adjust = f" + {block.adjust}" if block.adjust else ""
    table = rows.with_columns(pl.col(EXPOSED).cast(pl.Int8))
    fit = survival.cox(f"{response} ~ {EXPOSED}{adjust}{strata_terms(block.strata)}", table)
    labels = named(fit, ground, {EXPOSED: label, **block.labels})
    size = n, int(rows.select(pl.col(_DIED).sum()).item())
    found = regression("Cox model", fit, labels, ready.missing, size)
    return replace(found, notes=(*ready.notes, *found.notes))


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
