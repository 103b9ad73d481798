"""Expression and segments without patient numbers and sample names: by token, later by person.

A sample's name stays at the partner, as a patient's number does; what travels says in which row or
column of the file it stood. Of several samples of a patient the first is used.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from haemony.intake.contribution import Contribution
from haemony.intake.omics import Sampled, SampledExpression
from haemony.intake.readers.copynumber import Measure, UnreadableSegments, check_segments
from haemony.intake.readers.expression import Scale
from haemony.privacy.wire import Malformed

TOKEN = "token"  # noqa: S105 the name of a column
ROW = "source_row"
COLUMN = "source_column"
EXPRESSION, SEGMENTS = "expression", "segments"

SET_ASIDE = pl.Schema(
    {
        "stage": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "element": pl.String,
        "reason": pl.String,
    }
)
"""One kept-aside row or value: where it stands in the source, and why it was not used."""

SAMPLES = pl.Schema({TOKEN: pl.String, ROW: pl.Int64, COLUMN: pl.String})
PROBES = pl.Schema({"probe": pl.String, "symbol": pl.String, ROW: pl.Int64, COLUMN: pl.String})
PARTS = pl.Schema(
    {
        TOKEN: pl.String,
        ROW: pl.Int64,
        COLUMN: pl.String,
        "chromosome": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "value": pl.Float64,
        "probes": pl.Int64,
    }
)
"""Segments by token; positions from 0, the end excluded."""


@dataclass(frozen=True)
class Profiles:
    """What one omics file says of its patients.

    Attributes:
        element: ``expression`` or ``segments``.
        file: The file.
        frame: Who it is about (``token``, later ``person_id``), ``source_row``, ``source_column``;
            then one list of ``values`` in the order of the probes, or the columns of a segment.
        probes: The probes of a matrix, columns as in :data:`PROBES`; empty of segments.
        scale: What the numbers are: the scale of a matrix, the measure of segments.
        assembly: The assembly of segments.
    """

    element: str
    file: str
    frame: pl.DataFrame
    probes: pl.DataFrame
    scale: str
    assembly: str = ""


def profiles(
    contribution: Contribution, sampled: Sampled, tokens: Mapping[str, str]
) -> tuple[tuple[Profiles, ...], pl.DataFrame]:
    """The omics of a contribution by token, and what is kept aside of it.

    Args:
        contribution: What declares the files.
        sampled: What the check has read of them.
        tokens: The token of every patient.
    """
    made: list[Profiles] = []
    aside = [pl.DataFrame(schema=SET_ASIDE)]
    if sampled.expression and contribution.expression:
        file = contribution.expression.path.name
        whose, left = _whose(sampled.expression.samples, tokens, EXPRESSION, file)
        aside += [left, _illegible(sampled.expression, file)]
        scale = contribution.expression.scale.value
        made.append(_matrix(sampled.expression, whose, file, scale))
    if sampled.segments is not None and contribution.segments:
        declared = contribution.segments
        rows = sampled.segments.with_columns(pl.lit("").alias("column"))
        whose, left = _whose(rows, tokens, SEGMENTS, declared.path.name)
        aside.append(left)
        frame = whose.select(PARTS.names()).cast(PARTS)
        nothing = pl.DataFrame(schema=PROBES)
        measure, assembly = declared.measure.value, declared.assembly
        made.append(Profiles(SEGMENTS, declared.path.name, frame, nothing, measure, assembly))
    return tuple(made), pl.concat(aside)


def _whose(
    rows: pl.DataFrame, tokens: Mapping[str, str], element: str, file: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of each patient's first sample, under tokens, with their ``place``; the rest."""
    placed = rows.with_row_index("place").rename({"row": ROW, "column": COLUMN})
    placed = placed.with_columns(
        pl.col("patient").replace_strict(tokens, default=None, return_dtype=pl.String).alias(TOKEN)
    )
    firsts = placed.group_by(TOKEN).agg(pl.col("place").min()).sort("place")
    first = firsts.join(placed.select("place", "sample"), on="place", how="left")
    first = first.filter(pl.col(TOKEN).is_not_null()).select(
        TOKEN, pl.col("sample").alias("chosen")
    )
    judged = placed.join(first, on=TOKEN, how="left", maintain_order="left")
    same = (pl.col("sample") == pl.col("chosen")).fill_null(value=False)
    if element == EXPRESSION:  # a name that comes twice is two samples of a matrix
        same = same & (pl.col("place") == pl.col("place").min().over(TOKEN))
    reason = (
        pl.when(pl.col(TOKEN).is_null())
        .then(pl.lit("its sample is of no patient of the patient table"))
        .otherwise(pl.lit("an earlier sample of the patient is used"))
    )
    left = judged.filter(~same).select(
        pl.lit("protect").alias("stage"),
        pl.lit(file).alias("file"),
        pl.col(ROW).alias("row"),
        pl.col(COLUMN).alias("column"),
        pl.lit(element).alias("element"),
        reason.alias("reason"),
    )
    return judged.filter(same), left.cast(SET_ASIDE)


def _matrix(expression: SampledExpression, whose: pl.DataFrame, file: str, scale: str) -> Profiles:
    values = np.ascontiguousarray(expression.matrix.values[:, whose["place"].to_numpy()].T)
    probes = expression.probes.rename({"row": ROW, "column": COLUMN}).cast(PROBES)
    frame = whose.select(SAMPLES.names()).cast(SAMPLES).with_columns(_lists(values))
    return Profiles(EXPRESSION, file, frame, probes, scale)


def _lists(values: np.ndarray[Any, np.dtype[np.float32]]) -> pl.Series:
    """One list per row of a matrix; what is no number is null."""
    flat = pl.Series("values", values.ravel(), dtype=pl.Float32)
    known = pl.select(pl.when(flat.is_finite()).then(flat).alias("values")).to_series()
    if not values.size:
        return pl.Series("values", [[]] * len(values), dtype=pl.List(pl.Float32))
    return known.reshape(values.shape).cast(pl.List(pl.Float32))


def _illegible(expression: SampledExpression, file: str) -> pl.DataFrame:
    """Cells that are no numbers, told together: they count as missing."""
    count = expression.matrix.unreadable
    reason = f"{count:,} cells hold a text that is no number"
    rows = [("protect", file, None, "", EXPRESSION, reason)] if count else []
    return pl.DataFrame(rows, schema=SET_ASIDE, orient="row")


def to_wire(
    given: Profiles, columns: Callable[[pl.DataFrame], Mapping[str, Any]]
) -> dict[str, Any]:
    """As plain values; a matrix as its 32-bit floats, little endian, in base 64.

    Args:
        given: What to put into an envelope.
        columns: How the columns of a frame of text and numbers are put.
    """
    said: dict[str, Any] = {
        "element": given.element,
        "file": given.file,
        "scale": given.scale,
        "assembly": given.assembly,
        "probes": columns(given.probes),
        "columns": columns(given.frame.drop("values", strict=False)),
    }
    if given.element == EXPRESSION:
        flat = given.frame["values"].explode().fill_null(float("nan")).to_numpy()
        said["values"] = base64.b64encode(flat.astype("<f4").tobytes()).decode("ascii")
    return said


def from_wire(
    given: Mapping[str, Any], frame: Callable[[Mapping[str, Any], pl.Schema], pl.DataFrame]
) -> Profiles:
    """Read what `to_wire` gave.

    Args:
        given: Plain values.
        frame: How the columns of a frame of just this schema are read.

    Raises:
        Malformed: When parts do not fit together, or segments cannot be.
    """
    probes = frame(given["probes"], PROBES)
    file, scale, assembly = (str(given[name]) for name in ("file", "scale", "assembly"))
    if given["element"] == EXPRESSION:
        samples = frame(given["columns"], SAMPLES)
        values = _values(given["values"], samples.height, probes.height)
        if probes["probe"].null_count() or samples[TOKEN].is_duplicated().any():
            raise Malformed("a matrix does not fit together")
        made = samples.with_columns(_lists(values))
        return Profiles(EXPRESSION, file, made, probes, Scale(scale).value)
    parts = frame(given["columns"], PARTS)
    if given["element"] != SEGMENTS or probes.height:
        raise Malformed("its omics are of no kind that is known")
    needed = pl.all_horizontal(pl.exclude("probes").is_not_null()) & pl.col("value").is_finite()
    if not parts.select(needed).to_series().all():
        raise Malformed("a segment lacks a part")
    try:
        check_segments(parts.rename({TOKEN: "sample"}), assembly)
    except UnreadableSegments:
        raise Malformed("a segment cannot be") from None
    return Profiles(SEGMENTS, file, parts, probes, Measure(scale).value, assembly)


def _values(text: object, samples: int, probes: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    try:
        content = base64.b64decode(str(text), validate=True)
    except binascii.Error:
        raise Malformed("a matrix is no base 64") from None
    if len(content) != 4 * samples * probes:
        raise Malformed("a matrix is of another size than it says")
    return np.frombuffer(content, "<f4").astype(np.float32).reshape(samples, probes)
