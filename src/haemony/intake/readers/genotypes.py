"""What a VCF says of each sample: depth, share of reads, and whether it carries the allele."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

NO_CALL, NOT_THERE = "no call", "not carried"
NOT_CARRIED = (NOT_THERE, NO_CALL)
"""What a genotype says of a sample that has no variant to report."""


def per_sample(alleles: pl.DataFrame, samples: Sequence[str]) -> pl.DataFrame:
    """One row per allele and sample, with what the genotype says."""
    if not samples:
        nobody = dict.fromkeys(
            ("sample", "values", "FORMAT", "call", "fraction_from"), pl.lit(None, pl.String)
        )
        depth = pl.col("info").str.extract(r"(?:^|;)DP=([0-9]{1,12})(?:;|$)").cast(pl.Int64)
        fraction = pl.lit(None, pl.Float64).alias("allele_fraction")
        return alleles.with_columns(
            *(value.alias(name) for name, value in nobody.items()), depth.alias("depth"), fraction
        )
    columns = [sample_column(place) for place in range(len(samples))]
    rest = [name for name in alleles.columns if name not in columns]
    long = pl.concat(
        [
            alleles.select(
                *rest,
                pl.lit(name).alias("sample"),
                pl.lit(place).alias("place"),
                pl.col(column).alias("values"),
            )
            for place, (column, name) in enumerate(zip(columns, samples, strict=True))
        ]
    )
    if len(columns) > 1:
        long = long.sort("record", "number", "place")
    return _genotyped(long)


def sample_column(place: int) -> str:
    """The column of a sample, under a name that no other column has."""
    return f"sample {place}"


_KEYS = ("GT", "AD", "AF", "VAF", "FREQ", "DP", "RO", "AO")


def _genotyped(long: pl.DataFrame) -> pl.DataFrame:
    """Depth, share of reads and whether the genotype carries the allele."""
    formats = long["FORMAT"].unique().drop_nulls().to_frame()
    keys = pl.col("FORMAT").str.split(":")
    for key in _KEYS:
        place = keys.list.eval(pl.element() == key)
        formats = formats.with_columns(
            pl.when(place.list.any()).then(place.list.arg_max()).alias(f"{key} at")
        )
    placed = long.join(formats, on="FORMAT", how="left", maintain_order="left")
    values = pl.col("values").str.split(":")
    with_values = placed.with_columns(
        values.list.get(pl.col(f"{key} at"), null_on_oob=True).replace(".", None).alias(key)
        for key in _KEYS
    )
    counted = with_values.with_columns(*_reads())
    return counted.with_columns(_depth(), _fraction(), _fraction_source(), _call()).drop(
        *_KEYS, *(f"{key} at" for key in _KEYS)
    )


def _reads() -> tuple[pl.Expr, ...]:
    number = pl.col("number")
    depths = pl.col("AD").str.split(",").list.eval(pl.element().cast(pl.Int64, strict=False))
    others = pl.col("AO").str.split(",").list.eval(pl.element().cast(pl.Int64, strict=False))
    stated = pl.coalesce("AF", "VAF").str.split(",").list.get(number - 1, null_on_oob=True)
    percent = pl.col("FREQ").str.split(",").list.get(number - 1, null_on_oob=True)
    share = percent.str.strip_suffix("%").cast(pl.Float64, strict=False)
    return (
        depths.list.get(number, null_on_oob=True).alias("alternate_reads"),
        depths.list.sum().alias("all_reads"),
        others.list.get(number - 1, null_on_oob=True).alias("observed"),
        (others.list.sum() + pl.col("RO").cast(pl.Int64, strict=False)).alias("all_observed"),
        pl.coalesce(100 * stated.cast(pl.Float64, strict=False), share).alias("stated"),
        pl.col("DP").cast(pl.Int64, strict=False).alias("given_depth"),
    )


def _depth() -> pl.Expr:
    return pl.coalesce("given_depth", "all_reads", "all_observed").alias("depth")


def _ratio(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(100 * pl.col(part) / pl.col(whole))


def _fraction() -> pl.Expr:
    """Counted reads before what the caller states: the element is a share of reads."""
    counted = _ratio("alternate_reads", "all_reads")
    observed = _ratio("observed", "all_observed")
    return pl.coalesce(counted, observed, "stated").alias("allele_fraction")


def _fraction_source() -> pl.Expr:
    return (
        pl.when(_ratio("alternate_reads", "all_reads").is_not_null())
        .then(pl.lit("AD"))
        .when(_ratio("observed", "all_observed").is_not_null())
        .then(pl.lit("AO/RO"))
        .when(pl.col("stated").is_not_null())
        .then(pl.lit("stated by the caller"))
        .alias("fraction_from")
    )


def _call() -> pl.Expr:
    """Whether the sample carries this allele, by its genotype."""
    alleles = pl.concat_str(
        pl.lit("/"), pl.col("GT").str.replace_all("|", "/", literal=True), pl.lit("/")
    )
    wanted = pl.concat_str(pl.lit("/"), pl.col("number").cast(pl.String), pl.lit("/"))
    unknown = ~alleles.str.contains("[0-9]")
    return (
        pl.when(alleles.is_null() | pl.col("alternate").is_null() & unknown)
        .then(None)
        .when(unknown)
        .then(pl.lit(NO_CALL))
        .when(alleles.str.contains(wanted, literal=True))
        .then(pl.lit("carried"))
        .otherwise(pl.lit(NOT_THERE))
        .alias("call")
    )
