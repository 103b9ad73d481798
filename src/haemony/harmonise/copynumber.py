"""From copy-number segments to arms: gained, lost, neutral, altered in part, or not covered.

Arms are those of `haemony.intake.readers.assembly`: a chromosome without the bands of its
centromere. Segments are read by `haemony.intake.readers.copynumber`; its names are given here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from haemony.intake.readers.assembly import Chromosome, chromosomes
from haemony.intake.readers.copynumber import (
    SEGMENTS,
    Counting,
    Measure,
    UnreadableSegments,
    check_segments,
    read_segments,
)
from haemony.model.errors import UsageError

__all__ = [
    "ARMS",
    "SEGMENTS",
    "Call",
    "Counting",
    "Measure",
    "Thresholds",
    "UnreadableSegments",
    "arm_calls",
    "copies_at",
    "read_segments",
]


class Call(StrEnum):
    """What became of an arm."""

    GAIN = "gain"
    LOSS = "loss"
    PART_GAINED = "gained in part"
    PART_LOST = "lost in part"
    BOTH = "gained and lost in parts"
    NEUTRAL = "neutral"
    NOT_COVERED = "not covered"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which values on a segment and an arm are altered.

    The defaults: a segment 0.2 beyond zero as log2 ratio, which a clone of about 26 % with one copy
    lost reaches; a whole arm at 80 % and no alteration below 20 % of the bases covered, the limits
    of Taylor et al., Cancer Cell 2018;33:676.

    Attributes:
        gain: Copies (of two) from which a segment is gained.
        loss: Copies (of two) up to which it is lost.
        whole: Share of the covered bases that makes the whole arm altered.
        part: Share below which the arm is neutral.
        covered: Share of the arm that segments must cover for any call.
    """

    gain: float = 2 * 2**0.2
    loss: float = 2 * 2**-0.2
    whole: float = 0.8
    part: float = 0.2
    covered: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 2 < self.gain:
            raise UsageError("thresholds of copies need loss < 2 < gain; correct them")
        if not 0 < self.part <= self.whole <= 1 or not 0 < self.covered <= 1:
            raise UsageError(
                "shares need 0 < part <= whole <= 1 and 0 < covered <= 1; correct them"
            )


ARMS = pl.Schema(
    {
        "sample": pl.String,
        "arm": pl.String,
        "call": pl.String,
        "covered": pl.Float64,
        "gained": pl.Float64,
        "lost": pl.Float64,
    }
)
"""One row per sample and arm; ``covered`` is a share of the arm, the others of what is covered."""


def arm_calls(
    segments: pl.DataFrame,
    assembly: str,
    thresholds: Thresholds | None = None,
    *,
    expected: Mapping[str, Mapping[str, int]] | None = None,
) -> pl.DataFrame:
    """Call every arm of every sample: columns as in :data:`ARMS`, samples and arms in order.

    Args:
        segments: Columns as in :data:`SEGMENTS`.
        assembly: The assembly of their positions.
        thresholds: From which values on something is altered.
        expected: For a sample, the copies that are normal for a chromosome where these are not two:
            ``{"S1": {"X": 1, "Y": 1}}`` for counted copies of a man.

    Raises:
        UnreadableSegments: The assembly is none we know, a segment lies outside its chromosome, or
            two segments of a sample overlap.
    """
    check_segments(segments, assembly)
    limits = thresholds or Thresholds()
    arms = _arms(chromosomes()[assembly])
    parts = _judged(segments, expected or {}, limits).join(arms, on="chromosome")
    overlap = pl.min_horizontal("end", "arm_end") - pl.max_horizontal("start", "arm_start")
    inside = parts.with_columns(overlap.alias("bases")).filter(pl.col("bases") > 0)
    sums = inside.group_by("sample", "arm").agg(
        pl.col("bases").sum().alias("all"),
        pl.col("bases").filter(pl.col("judged") > 0).sum().alias("more"),
        pl.col("bases").filter(pl.col("judged") < 0).sum().alias("fewer"),
    )
    samples = segments.select("sample").unique().sort("sample")
    grid = samples.join(arms, how="cross").join(
        sums, on=["sample", "arm"], how="left", maintain_order="left"
    )
    length = pl.col("arm_end") - pl.col("arm_start")
    shares = grid.with_columns(
        (pl.col("all").fill_null(0) / length).alias("covered"),
        (pl.col("more") / pl.col("all")).alias("gained"),
        (pl.col("fewer") / pl.col("all")).alias("lost"),
    )
    return shares.with_columns(_call(limits)).select(ARMS.names()).cast(ARMS)


def _arms(known: Mapping[str, Chromosome]) -> pl.DataFrame:
    rows = [
        row
        for one in known.values()
        for row in (
            (one.name, f"{one.name}p", 0, one.centromere_start),
            (one.name, f"{one.name}q", one.centromere_end, one.length),
        )
    ]
    return pl.DataFrame(
        rows,
        {"chromosome": pl.String, "arm": pl.String, "arm_start": pl.Int64, "arm_end": pl.Int64},
        orient="row",
    )


def _judged(
    segments: pl.DataFrame, expected: Mapping[str, Mapping[str, int]], limits: Thresholds
) -> pl.DataFrame:
    """Every segment as 1 (more), -1 (fewer) or 0, against the copies that are normal."""
    rows = [(s, c, float(n)) for s, per in expected.items() for c, n in per.items()]
    schema = {"sample": pl.String, "chromosome": pl.String, "normal": pl.Float64}
    normal = pl.DataFrame(rows, schema, orient="row")
    against = segments.join(
        normal, on=["sample", "chromosome"], how="left", maintain_order="left"
    ).with_columns(pl.col("normal").fill_null(2.0))
    of_two = pl.col("copies") * 2 / pl.col("normal")
    absent = (pl.col("normal") == 0) & (pl.col("copies") > 0)
    return against.with_columns(
        pl.when(absent | (of_two >= limits.gain))
        .then(1)
        .when(of_two <= limits.loss)
        .then(-1)
        .otherwise(0)
        .alias("judged")
    )


def _call(limits: Thresholds) -> pl.Expr:
    gained, lost = pl.col("gained"), pl.col("lost")
    return (
        pl.when(pl.col("covered") < limits.covered)
        .then(pl.lit(Call.NOT_COVERED.value))
        .when(gained >= limits.whole)
        .then(pl.lit(Call.GAIN.value))
        .when(lost >= limits.whole)
        .then(pl.lit(Call.LOSS.value))
        .when((gained >= limits.part) & (lost >= limits.part))
        .then(pl.lit(Call.BOTH.value))
        .when(gained >= limits.part)
        .then(pl.lit(Call.PART_GAINED.value))
        .when(lost >= limits.part)
        .then(pl.lit(Call.PART_LOST.value))
        .otherwise(pl.lit(Call.NEUTRAL.value))
        .alias("call")
    )


def copies_at(segments: pl.DataFrame, chromosome: str, start: int, end: int) -> pl.DataFrame:
    """Mean copies of a region in every sample that covers any of it, weighted by bases.

    Args:
        segments: Columns as in :data:`SEGMENTS`.
        chromosome: Such as ``7``.
        start: First base, counted from 0.
        end: The base behind the last.

    Returns:
        ``sample``, ``copies`` and ``covered``, the share of the region; samples in order.
    """
    overlap = pl.min_horizontal("end", pl.lit(end)) - pl.max_horizontal("start", pl.lit(start))
    inside = segments.filter(pl.col("chromosome") == chromosome).with_columns(
        overlap.alias("bases")
    )
    ordered = inside.filter(pl.col("bases") > 0).sort("sample", "start")
    return (
        ordered.group_by("sample", maintain_order=True)
        .agg(
            ((pl.col("copies") * pl.col("bases")).sum() / pl.col("bases").sum()).alias("copies"),
            (pl.col("bases").sum() / (end - start)).alias("covered"),
        )
        .sort("sample")
    )
