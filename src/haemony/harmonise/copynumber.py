"""From copy-number segments to arms: gained, lost, neutral, altered in part, or not covered.

Arms are those of `haemony.intake.readers.assembly`: a chromosome without the bands of its
centromere. What a number means differs between tools, so the measure is declared, never guessed:
a value of -1 is one copy lost as a difference and as a logarithm, and no copy as neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from haemony.intake.readers import Layout, Limits, read
from haemony.intake.readers.assembly import Chromosome, chromosome_name, chromosomes
from haemony.model.errors import UsageError

_LIMITS = Limits()


class Measure(StrEnum):
    """What the number of a segment is."""

    LOG2_RATIO = "log2 ratio to the reference"
    COPIES = "copies"
    DIFFERENCE = "copies more or fewer than two"


class Counting(StrEnum):
    """Where positions begin."""

    FROM_1 = "from 1, the end included"
    FROM_0 = "from 0, the end excluded"


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


SEGMENTS = pl.Schema(
    {
        "sample": pl.String,
        "chromosome": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "copies": pl.Float64,
    }
)
"""Segments: positions from 0, the end excluded; copies as if the reference had two."""

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

_NAMES = {
    "sample": ("sample", "id", "sampleid", "sample_id", "tumor_sample_barcode"),
    "chromosome": ("chromosome", "chrom", "chr"),
    "start": ("start", "start.bp", "loc.start", "start_position", "startpos"),
    "end": ("end", "end.bp", "loc.end", "end_position", "endpos", "stop"),
    "value": ("seg.mean", "segment_mean", "seg.cn", "log2", "copy_number", "total_cn", "cn"),
}


class UnreadableSegments(UsageError):
    """A table of segments cannot be used."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the segments {reason}; correct the table or what is declared about it")


def read_segments(
    path: Path,
    measure: Measure,
    *,
    counting: Counting = Counting.FROM_1,
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    limits: Limits = _LIMITS,
) -> pl.DataFrame:
    """Read segments from any table: columns as in :data:`SEGMENTS`, in the order of the file.

    Args:
        path: The file.
        measure: What its numbers are.
        counting: Where its positions begin.
        columns: The column of ``sample``, ``chromosome``, ``start``, ``end`` and ``value``; those
            left out are found by the names that common tools write.
        layout: What is known about the file.
        limits: How much a compressed file may expand to.

    Raises:
        UnreadableSegments: A column lacks, or a row holds no position or number.
    """
    raw = read(path, layout, limits=limits)
    present = {name.lower(): name for name in raw.frame.columns}
    chosen: dict[str, str] = {}
    for name, spellings in _NAMES.items():
        named = (columns or {}).get(name)
        found = named or next((present[s] for s in spellings if s in present), None)
        if found is None or found not in raw.frame.columns:
            raise UnreadableSegments(f"of {path.name} have no column for {name}")
        chosen[name] = found
    texts = raw.frame.select(pl.col(column).alias(name) for name, column in chosen.items())
    contigs = {text: chromosome_name(text) for text in texts["chromosome"].unique().drop_nulls()}
    first = 1 if counting is Counting.FROM_1 else 0
    segments = texts.select(
        "sample",
        pl.col("chromosome").replace(contigs),
        _whole("start") - first,
        _whole("end"),
        _copies(pl.col("value").cast(pl.Float64, strict=False), measure).alias("copies"),
    )
    broken = segments.select(
        pl.any_horizontal(pl.all().is_null()) | pl.col("copies").is_nan()
    ).to_series()
    if broken.any():
        row = raw.row_number(int(broken.arg_true()[0]))
        raise UnreadableSegments(f"of {path.name} lack a position or number in row {row}")
    return segments.cast(SEGMENTS)


def _whole(name: str) -> pl.Expr:
    """A position; some tools write ``1e+06``."""
    number = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(number == number.round()).then(number).cast(pl.Int64).alias(name)


def _copies(value: pl.Expr, measure: Measure) -> pl.Expr:
    if measure is Measure.LOG2_RATIO:
        return 2 * pl.lit(2.0).pow(value)
    return value + 2 if measure is Measure.DIFFERENCE else value


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
    known = chromosomes().get(assembly)
    if known is None:
        raise UnreadableSegments(
            f"are of assembly {assembly!r}; arms of GRCh37 and GRCh38 are known"
        )
    _check(segments, known, assembly)
    limits = thresholds or Thresholds()
    arms = _arms(known)
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


def _check(segments: pl.DataFrame, known: Mapping[str, Chromosome], assembly: str) -> None:
    lengths = {name: one.length for name, one in known.items()}
    end = pl.col("chromosome").replace_strict(lengths, default=None, return_dtype=pl.Int64)
    outside = segments.filter(pl.col("end") > end)
    if outside.height:
        name = outside["chromosome"][0]
        raise UnreadableSegments(f"end behind chromosome {name} of {assembly}: another assembly?")
    if segments.filter((pl.col("start") < 0) | (pl.col("end") <= pl.col("start"))).height:
        raise UnreadableSegments("hold one that ends before it begins")
    ordered = segments.sort("sample", "chromosome", "start", "end")
    before = pl.col("end").shift(1).over("sample", "chromosome")
    crossed = ordered.filter(pl.col("start") < before).height
    if crossed:
        raise UnreadableSegments(f"overlap {crossed} time(s) within a sample")


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
