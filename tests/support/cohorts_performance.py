"""Real patients with made-up predictions, on which haemony and R judge the same risks.

The predictions are fixed formulas of one or two covariates, so that nothing is fitted before the
comparison; horizon i has the risks `a{i}` and `b{i}`.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from support.survival_cohorts import SHARED_DATA, amlsg

FILES = {
    "amlsg": "amlsg/clinical.csv",
    "leuksurv": "leuksurv_nw_england/leuksurv.csv",
    "ebmt3": "ebmt/ebmt3.csv",
    "mgus2": "mayo_plasma_cell/mgus2.csv",
    "follic": "lymphoma_pmh/follic.csv",
}
HORIZONS = {
    "amlsg": (365.0, 1000.0, 1826.0),
    "leuksurv": (100.0, 365.0, 1095.0),
    "ebmt3": (365.0, 1095.0, 2190.0),
    "mgus2": (60.0, 120.0, 240.0),
    "follic": (2.0, 5.0, 10.0),
}
COMPETING = ("mgus2", "follic")


def present(cohort: str) -> bool:
    """Whether this cohort's file is here."""
    return (SHARED_DATA / FILES[cohort]).exists()


@cache
def patients(cohort: str) -> pl.DataFrame:
    """Time, event (0 censored, 1 the event, 2 a competing one), x1, x2, and the risks."""
    table = READERS[cohort]().drop_nulls()
    for i, horizon in enumerate(HORIZONS[cohort]):
        baseline = RATES[cohort] * horizon
        table = table.with_columns(
            _risk(baseline, pl.col("x1") * 0.8).alias(f"a{i}"),
            _risk(baseline * 0.8, pl.col("x1") * 0.3 + pl.col("x2") * 0.5).alias(f"b{i}"),
        )
    return table


def stacked() -> pl.DataFrame:
    """All cohorts under each other with their horizons, as R reads them."""
    return pl.concat(
        patients(cohort).select(
            pl.lit(cohort).alias("dataset"),
            pl.all(),
            *(pl.lit(time).alias(f"t{i}") for i, time in enumerate(HORIZONS[cohort])),
        )
        for cohort in FILES
    )


def columns(model: str) -> list[str]:
    """The columns of a model's risks."""
    return [f"{model}{i}" for i in range(3)]


def _risk(baseline: float, score: pl.Expr) -> pl.Expr:
    """A risk in steps of 1/1000, so that patients tie and both languages read the same number."""
    return ((1 - (-baseline * score.exp()).exp()) * 1000).round() / 1000


def _read(cohort: str) -> pl.DataFrame:
    return pl.read_csv(
        SHARED_DATA / FILES[cohort], infer_schema_length=None, null_values=["", "NA"]
    )


def _amlsg() -> pl.DataFrame:
    return amlsg().select(
        time="os_days",
        event=pl.col("os_event").cast(pl.Int64),
        x1=(pl.col("age") - 50) / 15,
        x2=(pl.col("wbc") + 1).log() - 2.5,
    )


def _leuksurv() -> pl.DataFrame:
    return _read("leuksurv").select(
        time=pl.col("time").cast(pl.Float64),
        event="event",
        x1=(pl.col("num_age") - 60) / 15,
        x2=(pl.col("num_wbc") + 1).log() - 2.0,
    )


def _ebmt3() -> pl.DataFrame:
    return _read("ebmt3").select(
        time="rfstime",
        event="rfsstat",
        x1=pl.col("age").replace_strict({"<=20": -1.0, "20-40": 0.0, ">40": 1.0}),
        x2=(pl.col("tcd") == "TCD").cast(pl.Float64),
    )


def _mgus2() -> pl.DataFrame:
    progressed = pl.col("pstat") == 1
    return _read("mgus2").select(
        time=pl.when(progressed).then("ptime").otherwise("futime").cast(pl.Float64),
        event=pl.when(progressed).then(1).otherwise(2 * pl.col("death")).cast(pl.Int64),
        x1=pl.col("mspike") - 1.2,
        x2=(pl.col("age") - 70) / -20,
    )


def _follic() -> pl.DataFrame:
    return _read("follic").select(
        time="time",
        event="status",
        x1=(pl.col("age") - 57) / 15,
        x2=(pl.col("clinstg") == 2).cast(pl.Float64),
    )


READERS = {
    "amlsg": _amlsg,
    "leuksurv": _leuksurv,
    "ebmt3": _ebmt3,
    "mgus2": _mgus2,
    "follic": _follic,
}
RATES = {"amlsg": 0.0006, "leuksurv": 0.002, "ebmt3": 0.00025, "mgus2": 0.0009, "follic": 0.09}
