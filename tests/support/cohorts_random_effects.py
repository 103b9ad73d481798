"""The patients on which random effects and gene pairs are compared with R."""

from __future__ import annotations

import polars as pl

from support.survival_cohorts import SHARED_DATA, synthetic

GENES = ("NPM1", "FLT3_ITD", "FLT3_TKD", "CEBPA_biallelic", "minus_7", "plus_8", "complex")
FOLDER = SHARED_DATA / "amlsg"


def amlsg() -> pl.DataFrame:
    """1,540 adults: outcome, trial, age, and findings as 0, 1 and null."""
    clinical = pl.read_csv(FOLDER / "clinical.csv", infer_schema_length=None)
    calls = pl.read_csv(
        FOLDER / "genetic.tsv", separator="\t", infer_schema=False, quote_char=None
    ).filter(pl.col("FINAL_CALL") == "OK")
    carriers = {
        gene: calls.filter(pl.col("GENE") == gene)["SAMPLE_NAME"].unique()
        for gene in ("DNMT3A", "KIT", "RUNX1", "SFRS2", "RAD21")
    }
    return clinical.select(
        study="Study",
        os_days=pl.col("OS").cast(pl.Float64),
        os_event="Status",
        age=pl.col("AOD") / 10,
        NPM1="NPM1",
        FLT3_ITD="FLT3_ITD",
        FLT3_TKD="FLT3_TKD",
        CEBPA_biallelic=(pl.col("CEBPA") == 2).cast(pl.Int64),
        minus_7="minus7",
        plus_8="plus8_8q",
        complex="complex",
        t_8_21="t_8_21",
        **{
            "SRSF2" if gene == "SFRS2" else gene: pl.col("PDID")
            .is_in(names.implode())
            .cast(pl.Int64)
            for gene, names in carriers.items()
        },
    )


def made_up() -> pl.DataFrame:
    """Late entries, ties, weights and strata, with binary findings."""
    table = synthetic()
    return table.with_columns(
        gene=(pl.col("gene") == "positive").cast(pl.Int64),
        young=(pl.col("age") < 45).cast(pl.Int64),
        high=(pl.col("wbc") > 25).cast(pl.Int64),
        age=pl.col("age") / 10,
    )
