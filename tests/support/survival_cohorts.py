"""The patients on which haemony and R are compared: a made-up cohort, and the AMLSG trials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

SHARED_DATA = Path(
    os.environ.get("HAEMONY_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")
)
GENE = pl.Enum(["negative", "positive"])
ELN = pl.Enum(["favourable", "intermediate", "adverse"])
OUTCOME = pl.Enum(["censored", "relapse", "death"])


def numbers(seed: int) -> Iterator[int]:
    """A stream of whole numbers below 2^16 that is the same on every machine."""
    state = seed
    while True:
        state = (1_103_515_245 * state + 12_345) % 2**31
        yield state >> 15


def synthetic(n: int = 240) -> pl.DataFrame:
    """Patients with many tied times, late entries, competing events, weights and repeats."""
    draw = numbers(20_160_609)
    rows = [_patient(i, draw) for i in range(n)]
    return pl.DataFrame(
        rows, schema_overrides={"gene": GENE, "eln": ELN, "outcome": OUTCOME}, orient="row"
    )


def _patient(i: int, draw: Iterator[int]) -> dict[str, object]:
    gene, eln, age = next(draw) % 2, next(draw) % 3, 20 + next(draw) % 61
    start = next(draw) % 6
    length = 1 + next(draw) % (26 - 6 * gene - 3 * eln - age // 20)
    kind = (0, 1, 1, 2, 2)[next(draw) % 5]
    return {
        "patient": i // 2,
        "start": start,
        "stop": start + length,
        "years": (start + length) * 7 / 365.25,
        "event": int(kind > 0),
        "outcome": OUTCOME.categories[kind],
        "gene": GENE.categories[gene],
        "eln": ELN.categories[eln],
        "age": age,
        "wbc": (1 + next(draw) % 400) / 8,
        "site": "abc"[next(draw) % 3],
        "weight": (1 + next(draw) % 6) / 2,
        "score": next(draw) % 10 + length // 4,
    }


def amlsg() -> pl.DataFrame:
    """The 1,540 adults of the AMLSG trials, with the few columns that the comparison needs."""
    folder = SHARED_DATA / "amlsg"
    clinical = pl.read_csv(folder / "clinical.csv", infer_schema_length=None)
    classes = pl.read_csv(folder / "classification.tsv", separator="\t", infer_schema_length=None)
    joined = clinical.join(
        classes.select("ID", "Overall_classification"), left_on="PDID", right_on="ID"
    )
    failed = pl.col("ereignart").is_in(["RD_after_Ind1", "RD_or_PR_after_Ind2"])
    died = pl.col("ereignart").is_in(["Death_in_Induktion", "Death_in_CR"])
    return joined.select(
        study=pl.col("Study"),
        os_days=pl.col("OS").cast(pl.Float64),
        os_event=pl.col("Status"),
        age=pl.col("AOD").cast(pl.Float64),
        NPM1=pl.col("NPM1"),
        FLT3_ITD=pl.col("FLT3_ITD"),
        wbc=pl.col("wbc").cast(pl.Float64),
        efs_days=pl.col("efs").cast(pl.Float64),
        efs_cause=pl.when(pl.col("EFSSTAT") == 0)
        .then(pl.lit("censored"))
        .when(failed)
        .then(pl.lit("failure"))
        .when(pl.col("ereignart") == "Recurrence")
        .then(pl.lit("relapse"))
        .when(died)
        .then(pl.lit("death"))
        .cast(pl.Enum(["censored", "failure", "relapse", "death"])),
        **{"class": pl.col("Overall_classification")},
    ).with_columns(efs_cause=pl.when(pl.col("efs_days").is_not_null()).then("efs_cause"))
