"""The law of the lake for omics: whatever a matrix or a segment says comes back unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import haemony as hm
from haemony.harmonise.harmonised import to_omop
from haemony.intake import check
from haemony.intake.readers.assembly import chromosomes
from haemony.lake.store import content_hash
from support.omics import SEGMENTS, with_omics
from support.protection import person_of, protected

AML = hm.disease("aml")
PATIENTS = ("A", "B", "C")
few = settings(max_examples=10)

levels = st.floats(-50, 50, width=32, allow_subnormal=False)
matrices = (
    st.integers(2, 12)
    .flatmap(
        lambda probes: st.lists(
            st.lists(st.none() | levels, min_size=3, max_size=3),
            min_size=probes,
            max_size=probes,
        )
    )
    .filter(lambda rows: all(any(row[k] is not None for row in rows) for k in range(3)))
)


def as_text(value: float | None) -> str:
    """A cell as R would write it, with digits enough for 32 bits."""
    return "" if value is None else repr(float(value))


def written(rows: list[list[float | None]], *, turned: bool) -> tuple[str, str]:
    """A matrix as a file, and what describes it."""
    probes = [f"p{place}_at" for place in range(len(rows))]
    scale = "  scale: logarithm of a ratio\n"
    if not turned:
        lines = [f"{p},{','.join(map(as_text, row))}" for p, row in zip(probes, rows, strict=True)]
        said = f"expression:\n  file: matrix.csv\n  orientation: probes in rows\n{scale}"
        return "\n".join(["probe,A,B,C", *lines]) + "\n", said
    lines = [f"{name},{','.join(as_text(r[k]) for r in rows)}" for k, name in enumerate(PATIENTS)]
    said = f"expression:\n  file: matrix.csv\n  orientation: samples in rows\n{scale}"
    text = "\n".join([f"sample,{','.join(probes)}", *lines]) + "\n"
    return text, f"{said}  columns: p*_at\n"


def in_the_lake(matrix: str, segs: str, described: str) -> Mapping[str, pl.DataFrame]:
    """The tables that a contribution with these files becomes."""
    with TemporaryDirectory() as folder:
        report = check(with_omics(Path(folder), matrix, segs, described), AML.catalogue)
        assert report.sound, report.summary()
        return to_omop(protected(report), AML, 1).tables


@few
@given(matrices, st.booleans())
def test_a_matrix_comes_back_bit_for_bit(rows: list[list[float | None]], turned: bool) -> None:
    """Every 32-bit value is of the right person and probe, whichever side the file has them on."""
    text, said = written(rows, turned=turned)

    expression = in_the_lake(text, "", said)["expression"]

    got = dict(expression.select("person_id", "expression_values").rows())
    for place, patient in enumerate(PATIENTS):
        meant = [None if row[place] is None else float(np.float32(row[place])) for row in rows]
        assert got[person_of(patient)] == meant


CUTS = st.lists(st.integers(1, chromosomes()["GRCh37"]["5"].length), min_size=2, max_size=9)


@few
@given(CUTS, st.lists(st.floats(-3, 3), min_size=8, max_size=8))
def test_segments_come_back_as_stated(cuts: list[int], values: list[float]) -> None:
    """Positions and values of every segment are those of the file, to the last digit."""
    ends = sorted(set(cuts))
    stated = [(a + 1, b, v) for a, b, v in zip(ends, ends[1:], values, strict=False) if b > a + 1]
    if not stated:
        return
    lines = [f"A,chr5,{start},{end},1,{value!r}" for start, end, value in stated]
    text = "\n".join(["ID,chrom,loc.start,loc.end,num.mark,seg.mean", *lines]) + "\n"

    segment = in_the_lake("", text, SEGMENTS)["segment"]

    assert segment.select("start_position", "end_position", "value").rows() == stated
    assert set(segment["person_id"]) == {person_of("A")}
    assert set(segment["chromosome"]) == {"5"}


@few
@given(st.lists(st.none() | st.lists(st.none() | levels, max_size=4), min_size=1, max_size=5))
def test_a_content_hash_tells_lists_apart(lists: list[list[float | None] | None]) -> None:
    """Moving a value from one list to the next, or forgetting one, is another content."""
    column = pl.Series("values", lists, dtype=pl.List(pl.Float32))
    flat = [value for each in lists if each is not None for value in each]
    together = pl.Series("values", [flat, *[[]] * (len(lists) - 1)], dtype=pl.List(pl.Float32))

    first, second = content_hash(column.to_frame()), content_hash(together.to_frame())

    assert (first == second) == (column.to_list() == together.to_list())
