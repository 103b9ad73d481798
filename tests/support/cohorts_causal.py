"""The patients on which causal and pooled analyses are compared with R: four real data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import polars as pl

from support.cohorts_cox_more import trials
from support.survival_cohorts import SHARED_DATA

IMPUTATIONS = 5
ECOG = (0, 1, 1, 2, 1)


@cache
def remission() -> pl.DataFrame:
    """AMLSG: follow-up and allografts in first remission, from diagnosis and from remission.

    An allograft in first remission is one of phase CR1 that is not autologous; of one the donor is
    unknown. Unknown ELN class is a class of its own.
    """
    given = pl.read_csv(SHARED_DATA / "amlsg" / "clinical.csv", infer_schema_length=None)
    graft = (pl.col("TPL_Phase") == "CR1") & (pl.col("TPL_type") != "AUTO")
    remitted = pl.col("CR_date").cast(pl.Float64)
    grafted = pl.when(graft).then(pl.col("TPL_date").cast(pl.Float64))
    survived = pl.col("OS").cast(pl.Float64)
    return given.select(
        patient=pl.int_range(pl.len()),
        age=pl.col("AOD").cast(pl.Float64),
        sex=pl.col("gender"),
        wbc=pl.col("wbc").cast(pl.Float64).log1p(),
        ecog=pl.col("Performance_ECOG"),
        eln=pl.col("M_Risk").fill_null("unknown"),
        NPM1=pl.col("NPM1"),
        died=pl.col("Status"),
        os_days=survived,
        cr_day=remitted,
        graft_day=grafted,
        days=survived - remitted,
        graft=grafted - remitted,
    )


@cache
def hodgkin() -> pl.DataFrame:
    """Early-stage Hodgkin lymphoma: combined treatment or radiation alone; relapse or death."""
    given = pl.read_csv(SHARED_DATA / "lymphoma_pmh" / "hd.csv", infer_schema_length=None)
    return given.select(
        patient=pl.int_range(pl.len()),
        combined=(pl.col("trtgiven") == "CMT").cast(pl.Int64),
        age=pl.col("age").cast(pl.Float64),
        sex=pl.col("sex"),
        bulk=pl.col("medwidsi"),
        stage=pl.col("clinstg"),
        years=pl.col("time").cast(pl.Float64),
        outcome=pl.col("status"),
        failed=(pl.col("status") > 0).cast(pl.Int64),
        apart=pl.col("time") + pl.int_range(pl.len()) / 100_000,
    )


@cache
def platelets() -> pl.DataFrame:
    """EBMT: T-cell depletion and relapse-free survival after transplant."""
    given = pl.read_csv(SHARED_DATA / "ebmt" / "ebmt3.csv", infer_schema_length=None)
    return given.select(
        depleted=(pl.col("tcd") == "TCD").cast(pl.Int64),
        disease=pl.col("dissub"),
        age=pl.col("age"),
        mismatch=(pl.col("drmatch") == "Gender mismatch").cast(pl.Int64),
        days=pl.col("rfstime").cast(pl.Float64),
        failed=pl.col("rfsstat"),
        apart=pl.col("rfstime") + pl.int_range(pl.len()) / 100_000,
    )


@cache
def districts() -> pl.DataFrame:
    """Acute myeloid leukaemia in 24 districts of north-west England."""
    given = pl.read_csv(
        SHARED_DATA / "leuksurv_nw_england" / "leuksurv.csv", infer_schema_length=None
    )
    return given.select(
        district=pl.format("d{}", pl.col("fac_district").cast(pl.String).str.zfill(2)),
        age=pl.col("num_age").cast(pl.Float64) / 10,
        sex=pl.col("fac_sex"),
        wbc=pl.col("num_wbc").cast(pl.Float64).log1p(),
        days=pl.col("time").cast(pl.Float64),
        died=pl.col("event"),
    )


def filled(number: int) -> pl.DataFrame:
    """AMLSG with gaps filled by a rule, not by chance, so that R and we fill them alike."""
    table = remission().drop_nulls("wbc")
    turn = (pl.col("patient") * (number + 3)) % len(ECOG)
    guess = turn.replace_strict(list(range(len(ECOG))), list(ECOG), return_dtype=pl.Int64)
    return table.with_columns(ecog=pl.col("ecog").fill_null(guess))


TABLES: Mapping[str, Callable[[], pl.DataFrame]] = {
    "remission": remission,
    "hodgkin": hodgkin,
    "platelets": platelets,
    "districts": districts,
    "trials": trials,
    **{f"filled{k}": (lambda k=k: filled(k)) for k in range(1, IMPUTATIONS + 1)},
}
