"""Real cohorts on which Cox models with extras are held against R, as plain numeric tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from support.survival_cohorts import SHARED_DATA, amlsg


def _read(path: str) -> pl.DataFrame:
    return pl.read_csv(SHARED_DATA / path, infer_schema_length=None, null_values=["", "NA"])


def krall() -> pl.DataFrame:
    """65 patients with myeloma (Krall, Uthoff and Harley 1975), times in months with ties."""
    return _read("myeloma_krall/myeloma.csv").select(
        "time", "age", status="vstatus", bun="logBUN", hgb="HGB"
    )


def gehan() -> pl.DataFrame:
    """42 children with leukaemia in pairs, remission in weeks (Freireich 1963)."""
    return _read("small_leukaemia/mass_gehan.csv").select(
        "pair", "time", "cens", treated=(pl.col("treat") == "6-MP").cast(pl.Int64)
    )


def leuksurv() -> pl.DataFrame:
    """1,043 adults with acute leukaemia in 24 districts of north-west England."""
    return _read("leuksurv_nw_england/leuksurv.csv").select(
        "time",
        "event",
        sex="fac_sex",
        district="fac_district",
        age="num_age",
        wbc="num_wbc",
        tpi="num_tpi",
        east="num_xcoord",
        north="num_ycoord",
    )


def mgus2() -> pl.DataFrame:
    """1,384 patients with monoclonal gammopathy, follow-up in whole months."""
    return (
        _read("mayo_plasma_cell/mgus2.csv")
        .select("futime", "death", "age", "hgb", male=(pl.col("sex") == "M").cast(pl.Int64))
        .drop_nulls()
    )


def bmt() -> pl.DataFrame:
    """137 patients transplanted for leukaemia, with the days of graft-versus-host and platelets."""
    return (
        _read("bmt_classics/kmsurv_bmt.csv")
        .with_row_index("id", offset=1)
        .select(
            pl.col("id").cast(pl.Int64),
            days="t2",
            failed="d3",
            group="group",
            age="z1",
            fab="z8",
            gvhd_day=pl.when(pl.col("da") == 1).then("ta"),
            platelet_day=pl.when(pl.col("dp") == 1).then("tp"),
        )
    )


def ebmt3() -> pl.DataFrame:
    """2,204 transplanted patients: relapse-free survival, and the day platelets came back."""
    table = _read("ebmt/ebmt3.csv")
    return table.select(
        "id",
        days="rfstime",
        failed="rfsstat",
        young=(pl.col("age") == "<=20").cast(pl.Int64),
        old=(pl.col("age") == ">40").cast(pl.Int64),
        cml=(pl.col("dissub") == "CML").cast(pl.Int64),
        depleted=(pl.col("tcd") == "TCD").cast(pl.Int64),
        platelet_day=pl.when(pl.col("prstat") == 1).then("prtime"),
    )


def myeloid() -> pl.DataFrame:
    """646 patients of a trial in acute myeloid leukaemia, with transplant, remission, relapse."""
    return _read("aml_trial_myeloid/myeloid.csv").select(
        "id",
        "futime",
        "death",
        "txtime",
        "crtime",
        "rltime",
        arm=(pl.col("trt") == "B").cast(pl.Int64),
        male=(pl.col("sex") == "m").cast(pl.Int64),
    )


def trials() -> pl.DataFrame:
    """The AMLSG trials with few columns, complete."""
    return (
        amlsg()
        .select("os_days", "os_event", "age", "NPM1", "FLT3_ITD", "wbc", "study")
        .drop_nulls()
        .with_columns(study=pl.col("study").rank("dense").cast(pl.Int64))
    )


COHORTS: Mapping[str, Callable[[], pl.DataFrame]] = {
    "krall": krall,
    "gehan": gehan,
    "leuksurv": leuksurv,
    "mgus2": mgus2,
    "bmt": bmt,
    "ebmt3": ebmt3,
    "myeloid": myeloid,
    "trials": trials,
}
