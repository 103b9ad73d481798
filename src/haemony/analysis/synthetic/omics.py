"""Omics files of the in-silico hospital: an expression matrix and copy-number segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from haemony.analysis.synthetic.aml import Population
from haemony.analysis.synthetic.draws import truncated_normal

GENES = 200

_SIGNATURES = 20
"""Genes of each block that go up together in one genomic class."""

CHROMOSOMES = {
    "1": 248_956_422,
    "2": 242_193_529,
    "3": 198_295_559,
    "4": 190_214_555,
    "5": 181_538_259,
    "6": 170_805_979,
    "7": 159_345_973,
    "8": 145_138_636,
    "9": 138_394_717,
    "10": 133_797_422,
    "11": 135_086_622,
    "12": 133_275_309,
    "13": 114_364_328,
    "14": 107_043_718,
    "15": 101_991_189,
    "16": 90_338_345,
    "17": 83_257_441,
    "18": 80_373_285,
    "19": 58_617_616,
    "20": 64_444_167,
    "21": 46_709_983,
    "22": 50_818_468,
}
"""Lengths of the autosomes in GRCh38, in bases (Genome Reference Consortium)."""


def write_expression(
    path: Path, population: Population, numbers: pl.Series, rng: np.random.Generator
) -> None:
    """Write a matrix of made-up genes by samples: log2 intensities, tab-separated.

    Args:
        path: The file.
        population: In-silico patients; each genomic class raises a block of genes of its own.
        numbers: The partner's patient numbers.
        rng: Where random numbers come from.
    """
    patients = numbers.len()
    level = truncated_normal(rng.random(GENES), 8.0, 2.0, 3.0, 14.0)
    noise = truncated_normal(rng.random(GENES * patients), 0.0, 0.6, -3.0, 3.0)
    values = level[:, None] + noise.reshape(GENES, patients)
    classes = population.patients["genomic_class"].to_numpy()
    for block, name in enumerate(sorted(set(classes))):
        genes = np.arange(block * _SIGNATURES, (block + 1) * _SIGNATURES) % GENES
        values[np.ix_(genes, np.flatnonzero(classes == name))] += 1.5
    names = [f"in_silico_gene_{it + 1:03d}" for it in range(GENES)]
    columns = {number: np.round(values[:, it], 3) for it, number in enumerate(numbers)}
    pl.DataFrame({"gene": names, **columns}).write_csv(path, separator="\t")


def write_segments(
    path: Path, population: Population, numbers: pl.Series, rng: np.random.Generator
) -> None:
    """Write copy-number segments, one per autosome and patient, in the columns of a SEG file.

    Args:
        path: The file.
        population: In-silico patients: whole chromosomes gained or lost show as such.
        numbers: The partner's patient numbers.
        rng: Where random numbers come from.
    """
    patients = pl.DataFrame({"patient": np.arange(numbers.len()), "ID": numbers})
    chromosomes = pl.DataFrame({"chrom": list(CHROMOSOMES), "end": list(CHROMOSOMES.values())})
    changes = population.abnormalities.select(
        "patient", pl.col("chromosome").cast(pl.String).alias("chrom"), "change"
    )
    changes = changes.group_by("patient", "chrom").agg(pl.col("change").sum())
    segments = patients.join(chromosomes, how="cross").join(
        changes, on=["patient", "chrom"], how="left", maintain_order="left"
    )
    noise = truncated_normal(rng.random(segments.height), 0.0, 0.05, -0.2, 0.2)
    ratio = (1 + pl.col("change").fill_null(0) / 2).log(2) + pl.Series(noise)
    segments.select(
        "ID",
        "chrom",
        pl.lit(1).alias("loc.start"),
        pl.col("end").alias("loc.end"),
        (pl.col("end") // 50_000).alias("num.mark"),
        ratio.round(4).alias("seg.mean"),
    ).write_csv(path, separator="\t")
