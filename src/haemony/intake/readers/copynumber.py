"""Copy-number segments as tools write them: sample, chromosome, start, end, and a number.

What the number means differs between tools, so the measure is declared, never guessed: a value of
-1 is one copy lost as a difference and as a logarithm, and no copy as neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import polars as pl

from haemony.intake.readers import Layout, Limits, RawTable, read
from haemony.intake.readers.assembly import chromosome_name, chromosomes
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

STATED = pl.Schema(
    {
        "row": pl.Int64,
        "sample": pl.String,
        "chromosome": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "value": pl.Float64,
        "probes": pl.Int64,
    }
)
"""Segments as a file states them, with their row; positions from 0, the end excluded."""

_NAMES = {
    "sample": ("sample", "id", "sampleid", "sample_id", "tumor_sample_barcode"),
    "chromosome": ("chromosome", "chrom", "chr"),
    "start": ("start", "start.bp", "loc.start", "start_position", "startpos"),
    "end": ("end", "end.bp", "loc.end", "end_position", "endpos", "stop"),
    "value": ("seg.mean", "segment_mean", "seg.cn", "log2", "copy_number", "total_cn", "cn"),
    "probes": ("num.markers", "num_markers", "num.mark", "num_probes", "n_probes", "nprobes"),
}
COLUMNS = tuple(_NAMES)
"""What a column of a table of segments can be; all but the last must be there."""


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
    stated = stated_segments(raw, counting=counting, columns=columns)
    return stated.with_columns(copies_of(pl.col("value"), measure).alias("copies")).select(
        SEGMENTS.names()
    )


def stated_segments(
    raw: RawTable,
    *,
    counting: Counting = Counting.FROM_1,
    columns: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """The segments of a table with the numbers that it states: columns as in :data:`STATED`.

    Args:
        raw: The table.
        counting: Where its positions begin.
        columns: As for `read_segments`; ``probes`` may be absent.

    Raises:
        UnreadableSegments: A column lacks, or a row holds no position or number.
    """
    chosen = _chosen(raw, columns or {})
    texts = raw.frame.select(pl.col(column).alias(name) for name, column in chosen.items())
    contigs = {text: chromosome_name(text) for text in texts["chromosome"].unique().drop_nulls()}
    first = 1 if counting is Counting.FROM_1 else 0
    rows = [raw.row_number(place) for place in range(texts.height)]
    segments = texts.select(
        pl.Series("row", rows, dtype=pl.Int64),
        "sample",
        pl.col("chromosome").replace(contigs),
        _whole("start") - first,
        _whole("end"),
        _decimal("value", raw).cast(pl.Float64, strict=False),
        _whole("probes") if "probes" in chosen else pl.lit(None, pl.Int64).alias("probes"),
    )
    broken = segments.select(
        pl.any_horizontal(pl.exclude("probes").is_null()) | pl.col("value").is_nan()
    ).to_series()
    if broken.any():
        row = rows[int(broken.arg_true()[0])]
        raise UnreadableSegments(f"of {raw.path.name} lack a position or number in row {row}")
    return segments.cast(STATED)


def _chosen(raw: RawTable, named: Mapping[str, str]) -> dict[str, str]:
    """The column of each thing a segment has."""
    present = {name.lower(): name for name in raw.frame.columns}
    chosen: dict[str, str] = {}
    for name, spellings in _NAMES.items():
        found = named.get(name) or next((present[s] for s in spellings if s in present), None)
        if found in raw.frame.columns:
            chosen[name] = str(found)
        elif name != "probes" or named.get(name):
            raise UnreadableSegments(f"of {raw.path.name} have no column for {name}")
    return chosen


def _decimal(name: str, raw: RawTable) -> pl.Expr:
    """A number as its file writes it, with a decimal point."""
    column = pl.col(name)
    return column.str.replace(",", ".", literal=True) if raw.layout.decimal == "," else column


def _whole(name: str) -> pl.Expr:
    """A position; some tools write ``1e+06``."""
    number = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(number == number.round()).then(number).cast(pl.Int64).alias(name)


def copies_of(value: pl.Expr, measure: Measure) -> pl.Expr:
    """The copies, of two, that a number of this measure says."""
    if measure is Measure.LOG2_RATIO:
        return 2 * pl.lit(2.0).pow(value)
    return value + 2 if measure is Measure.DIFFERENCE else value


def check_segments(segments: pl.DataFrame, assembly: str) -> None:
    """Refuse segments that cannot be.

    Args:
        segments: At least ``sample``, ``chromosome``, ``start`` and ``end`` of :data:`SEGMENTS`.
        assembly: The assembly of their positions.

    Raises:
        UnreadableSegments: The assembly is none we know, a segment lies outside its chromosome, or
            two segments of a sample overlap.
    """
    known = chromosomes().get(assembly)
    if known is None:
        raise UnreadableSegments(
            f"are of assembly {assembly!r}; arms of GRCh37 and GRCh38 are known"
        )
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
