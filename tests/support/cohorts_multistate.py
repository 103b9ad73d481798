"""Courses of real patients through states, read from the shared data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from haemony.analysis.multistate.courses import Moment, histories
from haemony.analysis.multistate.histories import Histories
from haemony.analysis.multistate.scheme import (
    AML_COURSE,
    PLASMA_CELL,
    PLATELET_RECOVERY,
    Scheme,
)
from support.survival_cohorts import SHARED_DATA

MYELOID = Scheme.read(
    "trial with transplant",
    """
    diagnosis -> remission, transplant, relapse, dead
    remission -> transplant, relapse, dead
    transplant -> remission, relapse, dead
    relapse -> transplant, dead
    """,
)

BMT = Scheme.read(
    "platelets, relapse and death after transplant",
    """
    transplant -> platelets, relapse, dead
    platelets -> relapse, dead
    relapse -> dead
    """,
)


def amlsg() -> Histories:
    """The AMLSG trials: 1,536 of 1,540 patients, for four relapsed without a day of remission."""
    clinical = pl.read_csv(SHARED_DATA / "amlsg" / "clinical.csv", infer_schema_length=None)
    table = clinical.select(
        "PDID",
        "CR_date",
        "Recurrence_date",
        "OS",
        "Status",
        study=pl.col("Study"),
        age=pl.col("AOD") / 10,
        NPM1=pl.col("NPM1"),
        female=pl.col("gender") if "gender" in clinical.columns else pl.lit(0),
    )
    return histories(
        table,
        AML_COURSE,
        [
            Moment("remission", "CR_date"),
            Moment("relapse", "Recurrence_date"),
            Moment("death", "OS", AML_COURSE.absorbing, status="Status"),
        ],
        until="OS",
        patient="PDID",
    )


def ebmt3() -> Histories:
    """Platelet recovery after 2,204 transplants, in days."""
    table = pl.read_csv(SHARED_DATA / "ebmt" / "ebmt3.csv", infer_schema_length=None).with_columns(
        over40=(pl.col("age") == ">40").cast(pl.Int64),
        middle=(pl.col("age") == "20-40").cast(pl.Int64),
        mismatch=(pl.col("drmatch") == "Gender mismatch").cast(pl.Int64),
        depleted=(pl.col("tcd") == "TCD").cast(pl.Int64),
        AML=(pl.col("dissub") == "AML").cast(pl.Int64),
    )
    return histories(
        table,
        PLATELET_RECOVERY,
        [
            Moment("platelet recovery", "prtime", status="prstat"),
            Moment("relapse or death", "rfstime", status="rfsstat"),
        ],
        until="rfstime",
        patient="id",
    )


def _mgus2_table() -> pl.DataFrame:
    return pl.read_csv(
        SHARED_DATA / "mayo_plasma_cell" / "mgus2.csv", infer_schema_length=None
    ).select(
        "id",
        "ptime",
        "pstat",
        "futime",
        "death",
        age=pl.col("age") / 10,
        male=(pl.col("sex") == "M").cast(pl.Int64),
    )


def mgus2() -> Histories:
    """From monoclonal gammopathy to malignancy and death in 1,384 patients, in months."""
    return histories(
        _mgus2_table(),
        PLASMA_CELL,
        [
            Moment("malignancy", "ptime", status="pstat"),
            Moment("dead", "futime", status="death"),
        ],
        until="futime",
        patient="id",
    )


def mgus2_age() -> Histories:
    """The same patients on the scale of age in years, entering late at the age of diagnosis."""
    age = pl.col("age") * 10
    table = _mgus2_table().with_columns(
        age,
        ptime=age + (pl.col("ptime") - 0.25 * (pl.col("ptime") == pl.col("futime"))) / 12,
        futime=age + (pl.col("futime") + 0.5) / 12,
    )
    return histories(
        table,
        PLASMA_CELL,
        [
            Moment("malignancy", "ptime", status="pstat"),
            Moment("dead", "futime", status="death"),
        ],
        until="futime",
        patient="id",
        entry="age",
        unit=1 / 12,
    )


def bmt() -> Histories:
    """Platelet recovery, relapse and death after 137 transplants, in days."""
    table = pl.read_csv(
        SHARED_DATA / "bmt_classics" / "kmsurv_bmt.csv", infer_schema_length=None
    ).with_row_index("id", offset=1)
    return histories(
        table.select(
            "id",
            "t1",
            "d1",
            "t2",
            "d2",
            "tp",
            "dp",
            age=pl.col("z1") / 10,
            mtx=pl.col("z10"),
        ),
        BMT,
        [
            Moment("platelets", "tp", status="dp"),
            Moment("relapse", "t2", status="d2"),
            Moment("dead", "t1", status="d1"),
        ],
        until="t1",
        patient="id",
    )


def myeloid() -> Histories:
    """A made-up trial in acute myeloid leukaemia: 646 patients, in days."""
    table = pl.read_csv(
        SHARED_DATA / "aml_trial_myeloid" / "myeloid.csv", infer_schema_length=None
    ).select(
        "id",
        "futime",
        "death",
        "txtime",
        "crtime",
        "rltime",
        armB=(pl.col("trt") == "B").cast(pl.Int64),
        male=(pl.col("sex") == "m").cast(pl.Int64),
    )
    return histories(
        table,
        MYELOID,
        [
            Moment("remission", "crtime"),
            Moment("transplant", "txtime"),
            Moment("relapse", "rltime"),
            Moment("dead", "futime", status="death"),
        ],
        until="futime",
        patient="id",
    )


COHORTS: Mapping[str, Callable[[], Histories]] = {
    "amlsg": amlsg,
    "ebmt3": ebmt3,
    "mgus2": mgus2,
    "mgus2_age": mgus2_age,
    "myeloid": myeloid,
    "bmt": bmt,
}


def for_r(told: Histories) -> pl.DataFrame:
    """The rows as R reads them, patients under numbers."""
    return told.table().with_columns(patient=pl.Series(told.patient))
