"""Real cohorts in one shape, on which curves, tests and competing-risks models meet R's.

Each has one row per patient: id, start, time, event (0 censored, 1 and more the kinds of event),
died (any event), arm (two groups), group (two or more), stratum, x1, x2, x3, weight and cluster.
Weights, clusters and most late entries are made up, by the number of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import polars as pl

from support.survival_cohorts import SHARED_DATA
from support.survival_cohorts import amlsg as amlsg_patients

COMPETING = ("amlsg", "follic", "hodgkin", "mgus2", "casebase", "timereg", "ebmt1", "bmt")
CURVES = (*COMPETING, "ebmt2", "ebmt3", "myeloma", "mgus")


@cache
def cohort(name: str) -> pl.DataFrame:
    """One cohort, complete rows only.

    Raises:
        FileNotFoundError: the shared data are not here.
    """
    chosen = COHORTS[name]().drop_nulls()
    row = pl.int_range(pl.len())
    late = pl.when(row % 3 == 0).then((row % 7) / 8 * pl.col("time") / 2).otherwise(0.0)
    start = pl.col("start") if "start" in chosen.columns else late
    return chosen.with_columns(
        pl.col("time").cast(pl.Float64),
        pl.col("event").cast(pl.Int64),
        pl.col("arm", "group", "stratum").cast(pl.String),
        pl.col("x1", "x2", "x3").cast(pl.Float64),
        id=row + 1,
        start=start.cast(pl.Float64),
        died=(pl.col("event") > 0).cast(pl.Int64),
        weight=0.5 + (row % 4) / 2,
        cluster=row // 3,
    )


def amlsg() -> pl.DataFrame:
    """Failure, relapse or death as the first event in the AMLSG trials, in days."""
    table = amlsg_patients()
    return table.select(
        time="efs_days",
        event=pl.col("efs_cause").to_physical(),
        arm="NPM1",
        group="study",
        stratum=pl.col("age") > 48,
        x1=pl.col("age") / 10,
        x2="NPM1",
        x3="FLT3_ITD",
    )


def follic() -> pl.DataFrame:
    """Relapse, or death before it, in follicular lymphoma."""
    return _read("lymphoma_pmh", "follic.csv").select(
        "time",
        event="status",
        arm="ch",
        group=_band("age", 45, 60),
        stratum="clinstg",
        x1=pl.col("age") / 10,
        x2=pl.col("hgb") / 10,
        x3=pl.col("ch") == "Y",
    )


def hodgkin() -> pl.DataFrame:
    """Relapse, or death before it, in Hodgkin's disease; times in whole years for many ties."""
    return _read("lymphoma_pmh", "hd.csv").select(
        time=pl.col("time").ceil(),
        event="status",
        arm="trtgiven",
        group="medwidsi",
        stratum="clinstg",
        x1=pl.col("age") / 10,
        x2=pl.col("sex") == "M",
        x3=pl.col("extranod") == "Y",
    )


def mgus2() -> pl.DataFrame:
    """Progression, or death before it, in monoclonal gammopathy, in months."""
    table = _read("mayo_plasma_cell", "mgus2.csv")
    progressed = pl.col("pstat") == 1
    return table.select(
        time=pl.when(progressed).then("ptime").otherwise("futime"),
        event=pl.when(progressed).then(1).otherwise(2 * pl.col("death")),
        arm="sex",
        group=_band("dxyr", 1975, 1985),
        stratum=pl.col("age") > 72,
        x1=pl.col("age") / 10,
        x2=pl.col("sex") == "M",
        x3="mspike",
    )


def casebase() -> pl.DataFrame:
    """Relapse, or death before it, after a transplant."""
    return _read("bmt_classics", "casebase_bmtcrr.csv").select(
        time="ftime",
        event="Status",
        arm="D",
        group="Phase",
        stratum="Sex",
        x1=pl.col("Age") / 10,
        x2=pl.col("D") == "AML",
        x3=pl.col("Source") == "PB",
    )


def timereg() -> pl.DataFrame:
    """Death in remission, or relapse, after a transplant; times in whole months for many ties."""
    return _read("bmt_classics", "timereg_bmt.csv").select(
        time=pl.col("time").ceil(),
        event="cause",
        arm="platelet",
        group=_band("age", -0.5, 0.5),
        stratum=pl.col("age") > 0,
        x1="age",
        x2="platelet",
        x3="tcell",
    )


def ebmt1() -> pl.DataFrame:
    """Relapse, or death before it, after a transplant for chronic myeloid leukaemia, in days."""
    relapsed = pl.col("relstat") == 1
    return _read("ebmt", "ebmt1.csv").select(
        time=pl.when(relapsed).then("rel").otherwise("srv"),
        event=pl.when(relapsed).then(1).otherwise(2 * pl.col("srvstat")),
        arm=pl.col("age") > 36,
        group="score",
        stratum=pl.col("age") > 25,
        x1=pl.col("age") / 10,
        x2=pl.col("score") == "Low risk",
        x3=pl.col("score") == "High risk",
    )


def bmt() -> pl.DataFrame:
    """Relapse, or death in remission, in Klein and Moeschberger's 137 patients."""
    return _read("bmt_classics", "kmsurv_bmt.csv").select(
        time="t2",
        event=pl.when(pl.col("d2") == 1).then(1).otherwise(2 * pl.col("d1")),
        arm=pl.col("z10"),
        group="group",
        stratum="z5",
        x1=pl.col("z1") / 10,
        x2="z3",
        x3="z8",
    )


def ebmt2() -> pl.DataFrame:
    """Six causes after 8,966 transplants, in months."""
    return _read("ebmt", "ebmt2.csv").select(
        "time",
        event="status",
        arm="match",
        group="dissub",
        stratum="tcd",
        x1=pl.col("age") == ">40",
        x2=pl.col("match") == "Gender mismatch",
        x3=pl.col("year") == "1985-1989",
    )


def ebmt3() -> pl.DataFrame:
    """Relapse or death after 2,204 transplants, in days."""
    return _read("ebmt", "ebmt3.csv").select(
        time="rfstime",
        event="rfsstat",
        arm="drmatch",
        group="dissub",
        stratum="tcd",
        x1=pl.col("age") == ">40",
        x2=pl.col("drmatch") == "Gender mismatch",
        x3=pl.col("tcd") == "TCD",
    )


def myeloma() -> pl.DataFrame:
    """Death in myeloma, with the day of referral as late entry."""
    table = _read("mayo_plasma_cell", "myeloma.csv")
    return table.filter(pl.col("futime") > pl.col("entry")).select(
        time="futime",
        event="death",
        start="entry",
        arm=pl.col("year") > 80,
        group=_band("year", 65, 75, 85),
        stratum=pl.col("id") % 2,
        x1=pl.col("year") / 10,
        x2=pl.col("id") % 2,
        x3=pl.col("id") % 3,
    )


def mgus() -> pl.DataFrame:
    """Death in the first 241 patients with monoclonal gammopathy, in days."""
    return _read("mayo_plasma_cell", "mgus.csv").select(
        time="futime",
        event="death",
        arm="sex",
        group=_band("dxyr", 66, 70),
        stratum=pl.col("age") > 63,
        x1=pl.col("age") / 10,
        x2=pl.col("sex") == "male",
        x3="mspike",
    )


def _band(column: str, *edges: float) -> pl.Expr:
    """How many of the edges a column exceeds."""
    return pl.sum_horizontal([(pl.col(column) > edge).cast(pl.Int64) for edge in edges])


def _read(folder: str, file: str) -> pl.DataFrame:
    return pl.read_csv(SHARED_DATA / folder / file, infer_schema_length=None)


COHORTS: Mapping[str, Callable[[], pl.DataFrame]] = {name: globals()[name] for name in CURVES}
