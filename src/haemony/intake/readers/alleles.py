"""One way to write a variant: the least that changes, counted from 1.

A VCF writes a deletion with the base before it, a MAF writes ``-``. Both come out alike here:
common bases are trimmed from the end, then from the start, an empty allele is ``-``, and an
insertion is placed at the base before it. That needs no reference genome. Moving an indel to the
left end of a repeat does, so two callers may still place the same indel of a repeat differently.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

EMPTY = "-"

CALLS = pl.Schema(
    {
        "sample": pl.String,
        "gene": pl.String,
        "type": pl.String,
        "consequence": pl.String,
        "transcript": pl.String,
        "transcript_choice": pl.String,
        "coding": pl.String,
        "protein": pl.String,
        "assembly": pl.String,
        "chromosome": pl.String,
        "position": pl.Int64,
        "reference": pl.String,
        "alternate": pl.String,
        "allele_fraction": pl.Float64,
        "fraction_from": pl.String,
        "depth": pl.Int64,
        "filter": pl.String,
        "call": pl.String,
        "line": pl.Int64,
    }
)
"""What every variant file becomes: one row per alternate allele and sample.

Named as the ``variant_*`` elements; ``position`` counts from 1, ``allele_fraction`` is in percent,
``line`` is the line of the file.
"""


class Kind(StrEnum):
    """What an allele does to the sequence."""

    SUBSTITUTION = "substitution"
    INSERTION = "insertion"
    DELETION = "deletion"
    REPLACEMENT = "deletion-insertion"
    STRUCTURAL = "structural"
    OVERLAPPED = "overlapping deletion"
    NONE = "no variant"


def minimal(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """Trim what reference and alternate share.

    >>> minimal(100, "CTT", "CT"), minimal(100, "C", "CAG"), minimal(100, "T", "-")
    ((101, 'T', '-'), (100, '-', 'AG'), (100, 'T', '-'))
    """
    reference, alternate = reference.replace(EMPTY, ""), alternate.replace(EMPTY, "")
    had_base = bool(reference)
    shorter = min(len(reference), len(alternate))
    tail = 0
    while tail < shorter and reference[-1 - tail] == alternate[-1 - tail]:
        tail += 1
    head = 0
    while head < shorter - tail and reference[head] == alternate[head]:
        head += 1
    reference = reference[head : len(reference) - tail]
    alternate = alternate[head : len(alternate) - tail]
    place = position + head
    if not reference and had_base:
        place -= 1
    return place, reference or EMPTY, alternate or EMPTY


def normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with ``position``, ``reference`` and ``alternate`` at their least, and ``type``.

    Alleles that are no plain bases (``<DEL>``, breakends, ``*``) stay as they are.
    """
    bases = r"^[ACGTUNacgtun]+$|^-$"
    plain = pl.col("reference").str.contains(bases) & pl.col("alternate").str.contains(bases)
    long = (pl.col("reference").str.len_bytes() > 1) | (pl.col("alternate").str.len_bytes() > 1)
    upper = frame.with_columns(
        pl.when(plain).then(pl.col(name).str.to_uppercase()).otherwise(name).alias(name)
        for name in ("reference", "alternate")
    )
    pairs = upper.filter(plain & long).select("reference", "alternate").unique()
    trimmed = [(*pair, *minimal(0, *pair)) for pair in pairs.iter_rows()]
    table = pl.DataFrame(trimmed, _TRIMMED, orient="row")
    joined = upper.join(
        table, on=["reference", "alternate"], how="left", maintain_order="left"
    ).with_columns(
        pl.col("position") + pl.col("moved").fill_null(0),
        pl.coalesce("least_reference", "reference").alias("reference"),
        pl.coalesce("least_alternate", "alternate").alias("alternate"),
    )
    return joined.drop("moved", "least_reference", "least_alternate").with_columns(_kind())


_TRIMMED = pl.Schema(
    {
        "reference": pl.String,
        "alternate": pl.String,
        "moved": pl.Int64,
        "least_reference": pl.String,
        "least_alternate": pl.String,
    }
)


def _kind() -> pl.Expr:
    reference, alternate = pl.col("reference"), pl.col("alternate")
    alike = reference.str.len_bytes() == alternate.str.len_bytes()
    return (
        pl.when(alternate.is_null())
        .then(None)
        .when((alternate == reference) | (alternate == "<NON_REF>"))
        .then(pl.lit(Kind.NONE.value))
        .when(alternate == "*")
        .then(pl.lit(Kind.OVERLAPPED.value))
        .when(alternate.str.contains(r"[^ACGTUN-]"))
        .then(pl.lit(Kind.STRUCTURAL.value))
        .when(reference == EMPTY)
        .then(pl.lit(Kind.INSERTION.value))
        .when(alternate == EMPTY)
        .then(pl.lit(Kind.DELETION.value))
        .when(alike & (reference.str.len_bytes() == 1))
        .then(pl.lit(Kind.SUBSTITUTION.value))
        .otherwise(pl.lit(Kind.REPLACEMENT.value))
        .alias("type")
    )


def bed_interval(position: str = "position", reference: str = "reference") -> tuple[pl.Expr, ...]:
    """Positions as BED files count them: from 0, the end excluded; an insertion has no length.

    Example:
        >>> calls = pl.DataFrame({"position": [100, 100], "reference": ["CT", "-"]})
        >>> calls.select(bed_interval()).rows()
        [(99, 101), (100, 100)]
    """
    inserted = pl.col(reference) == EMPTY
    start = pl.when(inserted).then(pl.col(position)).otherwise(pl.col(position) - 1)
    length = pl.when(inserted).then(0).otherwise(pl.col(reference).str.len_bytes().cast(pl.Int64))
    return start.alias("bed_start"), (start + length).alias("bed_end")
