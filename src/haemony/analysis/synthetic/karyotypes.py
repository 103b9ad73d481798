"""Karyotypes of in-silico patients, composed in ISCN from abnormalities drawn within each class.

``aml_abnormalities.csv`` says how each abnormality is written, with its effect on the chromosome
count. Numbers of metaphases are a choice of the generator, not a margin: most analyses count 20.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl

from haemony.analysis.synthetic.draws import happens, positions
from haemony.analysis.synthetic.margins import Flags, Integers, Margins
from haemony.model.tables import rows

NO_METAPHASES = "no metaphases"
SIZED_SHARE = 0.6
"""Share of texts that state how many metaphases each clone has (a choice, not a margin)."""

_OTHER = "other"
_SUBCLONE_SHARE = 0.3
_FEWEST_COMPLEX = 3
_MARKER = 25


@cache
def abnormalities() -> pl.DataFrame:
    """How abnormalities are written: one row per abnormality and text.

    Columns: ``abnormality``, ``text``, ``chromosome``, ``change`` (in the number of chromosomes)
    and ``weight``: an abnormality with several texts is written with each as often as that says.
    """
    read = [row for _, row in rows(files("haemony.analysis.synthetic") / "aml_abnormalities.csv")]
    numbers = pl.col("chromosome", "change").cast(pl.Int64)
    return pl.DataFrame(read).with_columns(numbers, pl.col("weight").cast(pl.Float64))


def draw_abnormalities(
    rng: np.random.Generator, classes: Integers, male: Flags, margins: Margins
) -> pl.DataFrame:
    """Draw each patient's chromosomal abnormalities.

    Args:
        rng: Where random numbers come from.
        classes: Position of each patient's genomic class.
        male: Whether the patient is male: only men lose a Y.
        margins: Published figures.

    Returns:
        One row per patient and abnormality: ``patient`` (position), ``abnormality``, ``text``,
        ``chromosome`` and ``change``; at most one per chromosome beside a class-defining one.
    """
    size = classes.size
    drawn: list[tuple[str, Integers]] = []
    names = np.array(margins.classes)[classes]
    for name in margins.classes:
        drawn.append((f"class {name}", np.flatnonzero(names == name)))
    for name in margins.starting("abnormality "):
        share = margins.by_class(f"abnormality {name}")[classes]
        if name == "minus_Y":
            share = np.where(male, share / margins.by_class("male share")[classes], 0)
        drawn.append((name, np.flatnonzero(happens(rng, share, size))))
    complex_ = happens(rng, margins.by_class("complex karyotype share")[classes], size)
    extra = np.flatnonzero(complex_)
    more = np.repeat(extra, _FEWEST_COMPLEX + rng.poisson(1.5, extra.size))
    drawn.append((_OTHER, more))
    texts = [_texts(rng, name, patients) for name, patients in drawn]
    found = pl.concat([text for text in texts if text.height])
    fused = pl.col("abnormality").str.starts_with("class ").alias("fused")
    one = found.with_columns(fused).unique(
        ["patient", "chromosome", "fused"], keep="first", maintain_order=True
    )
    return one.drop("fused")


def _texts(rng: np.random.Generator, name: str, patients: Integers) -> pl.DataFrame:
    """Write one abnormality of some patients."""
    ways = abnormalities().filter(pl.col("abnormality") == name)
    if not ways.height:
        return ways.drop("weight").with_columns(patient=pl.lit(0, pl.Int64)).clear()
    picked = positions(rng, patients.size, ways["weight"].to_numpy())
    return ways.drop("weight")[picked].with_columns(patient=pl.Series(patients, dtype=pl.Int64))


def compose(
    rng: np.random.Generator, found: pl.DataFrame, male: Flags, margins: Margins
) -> pl.Series:
    """Compose each patient's karyotype in ISCN.

    Args:
        rng: Where random numbers come from.
        found: What :func:`draw_abnormalities` drew.
        male: Whether each patient is male.
        margins: Published figures: how often no metaphases were found.

    Returns:
        One text per patient, such as ``46,XX,t(8;21)(q22;q22)[18]/46,XX[2]``; analyses that found
        no metaphases say so.
    """
    size = male.size
    lost = found.filter(pl.col("abnormality") == "minus_Y").select(
        "patient", lost=pl.lit(value=True)
    )
    structural = ~pl.col("text").str.contains("^[+-]")
    ordered = found.sort("patient", "chromosome", structural, "text", maintain_order=True)
    clones = ordered.group_by("patient", maintain_order=True).agg(
        pl.col("text").str.join(",").alias("items"),
        pl.col("change").sum(),
        pl.len().alias("abnormalities"),
    )
    sized = happens(rng, SIZED_SHARE, size)
    every = np.where(happens(rng, 0.7, size), 20, rng.integers(10, 31, size))
    clone = np.minimum(every, 2 + np.floor(rng.random(size) ** 0.4 * every)).astype(np.int64)
    second = happens(rng, _SUBCLONE_SHARE, size) & (clone > _FEWEST_COMPLEX + 1)
    frame = pl.DataFrame(
        {
            "patient": np.arange(size),
            "male": male,
            "sized": sized,
            "every": every.astype(np.int64),
            "clone": clone,
            "second": second,
            "failed": happens(rng, margins.one("no metaphases share"), size),
        }
    )
    frame = frame.join(clones, on="patient", how="left", maintain_order="left")
    frame = frame.join(lost, on="patient", how="left", maintain_order="left")
    return frame.select(_iscn().alias("karyotype_iscn")).to_series()


def _iscn() -> pl.Expr:
    """The text of a karyotype from its parts."""
    normal = pl.when("male").then(pl.lit("46,XY")).otherwise(pl.lit("46,XX"))
    one_sex = pl.col("lost").fill_null(value=False)
    sex = pl.when(one_sex).then(pl.lit("X")).when("male").then(pl.lit("XY")).otherwise(pl.lit("XX"))
    number = 46 + pl.col("change")
    clone = pl.format("{},{},{}", number, sex, "items")
    rest = pl.col("every") - pl.col("clone")
    remainder = pl.when(rest > 0).then(pl.format("/{}[{}]", normal, rest)).otherwise(pl.lit(""))
    split = pl.col("clone") // 2
    evolved = pl.format(
        "{}[{}]/{},idem,+mar[{}]{}", clone, split, number + 1, pl.col("clone") - split, remainder
    )
    with_size = (
        pl.when(pl.col("second") & (pl.col("abnormalities") >= _FEWEST_COMPLEX))
        .then(evolved)
        .otherwise(pl.format("{}[{}]{}", clone, "clone", remainder))
    )
    abnormal = pl.when("sized").then(with_size).otherwise(clone)
    unchanged = pl.when("sized").then(pl.format("{}[{}]", normal, "every")).otherwise(normal)
    seen = pl.when(pl.col("items").is_null()).then(unchanged).otherwise(abnormal)
    return pl.when("failed").then(pl.lit(NO_METAPHASES)).otherwise(seen)
