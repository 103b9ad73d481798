"""An arm is called from what its segments cover, by limits that are declared."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.harmonise.copynumber import (
    SEGMENTS,
    Call,
    Counting,
    Measure,
    Thresholds,
    UnreadableSegments,
    arm_calls,
    copies_at,
    read_segments,
)
from haemony.intake.readers.assembly import chromosomes
from haemony.model.errors import UsageError

FIVE = chromosomes()["GRCh37"]["5"]
LONG_ARM = FIVE.length - FIVE.centromere_end


def segments(*rows: tuple[str, str, int, int, float]) -> pl.DataFrame:
    """Segments of samples."""
    return pl.DataFrame(list(rows), SEGMENTS, orient="row")


def call(*rows: tuple[int, int, float]) -> str:
    """The call of 5q from segments that are given as parts of it, in thousandths."""
    parts = [
        (
            "A",
            "5",
            FIVE.centromere_end + LONG_ARM * start // 1000,
            FIVE.centromere_end + LONG_ARM * end // 1000,
            copies,
        )
        for start, end, copies in rows
    ]
    arms = arm_calls(segments(*parts), "GRCh37")
    return str(arms.filter(pl.col("arm") == "5q")["call"].item())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(0, 1000, 2.0)], Call.NEUTRAL),
        ([(0, 1000, 1.0)], Call.LOSS),
        ([(0, 1000, 3.0)], Call.GAIN),
        ([(0, 300, 2.0), (300, 800, 1.0), (800, 1000, 2.0)], Call.PART_LOST),
        ([(0, 500, 2.0), (500, 1000, 3.1)], Call.PART_GAINED),
        ([(0, 500, 1.0), (500, 1000, 3.1)], Call.BOTH),
        ([(0, 850, 1.0), (850, 1000, 2.0)], Call.LOSS),
        ([(0, 100, 1.0), (100, 1000, 2.0)], Call.NEUTRAL),
        ([(0, 1000, 1.9)], Call.NEUTRAL),
        ([(0, 400, 1.0)], Call.NOT_COVERED),
        ([(0, 600, 1.0)], Call.LOSS),
    ],
)
def test_an_arm_is_called_by_its_shares(
    parts: list[tuple[int, int, float]], expected: Call
) -> None:
    """Whole, part and neutral follow from the bases covered; too few covered bases give no call."""
    assert call(*parts) == expected


def test_every_sample_has_every_arm() -> None:
    """An arm without segments is not covered, which is not neutral."""
    arms = arm_calls(segments(("A", "5", 0, FIVE.length, 1.0), ("B", "7", 0, 1000, 2.0)), "GRCh37")

    assert arms.height == 2 * 48
    lost = arms.filter(pl.col("call") == Call.LOSS)
    assert lost.select("sample", "arm").rows() == [("A", "5p"), ("A", "5q")]
    assert set(arms.filter(pl.col("sample") == "B")["call"]) == {Call.NOT_COVERED}


def test_what_is_normal_may_differ_from_two() -> None:
    """One X is normal in a man; none is a loss, two are a gain."""
    x = chromosomes()["GRCh38"]["X"].length
    counted = segments(*((name, "X", 0, x, n) for name, n in (("A", 1.0), ("B", 2.0), ("C", 0.0))))
    men = {name: {"X": 1, "Y": 1} for name in "ABC"}

    arms = arm_calls(counted, "GRCh38", expected=men).filter(pl.col("arm") == "Xq")

    assert arms["call"].to_list() == [Call.NEUTRAL, Call.GAIN, Call.LOSS]


@pytest.mark.parametrize(
    ("measure", "value"),
    [(Measure.LOG2_RATIO, "-1"), (Measure.COPIES, "1"), (Measure.DIFFERENCE, "-1")],
)
def test_one_copy_lost_is_one_copy_in_every_measure(
    tmp_path: Path, measure: Measure, value: str
) -> None:
    """The measure is declared, since one number means different things."""
    path = tmp_path / "segments.tsv"
    path.write_text(
        f"ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nA\tchr5\t1\t1e+03\t9\t{value}\n"
    )

    found = read_segments(path, measure)

    assert found.rows() == [("A", "5", 0, 1000, 1.0)]
    assert found.schema == SEGMENTS


def test_counting_and_columns_are_declared(tmp_path: Path) -> None:
    """A BED-like table counts from 0; its columns may have any names."""
    path = tmp_path / "segments.csv"
    path.write_text("who,chrom,from,to,n\nA,5,0,1000,1\n")
    columns = {"sample": "who", "start": "from", "end": "to", "value": "n"}

    found = read_segments(path, Measure.COPIES, counting=Counting.FROM_0, columns=columns)

    assert found.rows() == [("A", "5", 0, 1000, 1.0)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Sample,Chrom,Start\nA,1,1\n", "no column for end"),
        ("Sample,Chrom,Start,End,CN\nA,1,1,x,2\n", "in row 2"),
        ("Sample,Chrom,Start,End,CN\nA,1,1,9,2\nA,1,9.5,12,2\n", "in row 3"),
        ("Sample,Chrom,Start,End,CN\nA,1,1,9,NA\n", "in row 2"),
    ],
)
def test_an_unreadable_table_is_named(tmp_path: Path, text: str, reason: str) -> None:
    """A row without position or number is no segment, and none is dropped in silence."""
    path = tmp_path / "segments.csv"
    path.write_text(text)

    with pytest.raises(UnreadableSegments, match=reason):
        read_segments(path, Measure.COPIES)


@pytest.mark.parametrize(
    ("rows", "assembly", "reason"),
    [
        ([("A", "5", 0, FIVE.length, 2.0)], "hg17", "arms of GRCh37 and GRCh38"),
        ([("A", "5", 0, FIVE.length + 1, 2.0)], "GRCh37", "behind chromosome 5 of GRCh37"),
        ([("A", "5", 9, 9, 2.0)], "GRCh37", "ends before it begins"),
        ([("A", "5", 0, 9, 2.0), ("A", "5", 8, 12, 2.0)], "GRCh37", "overlap 1 time"),
    ],
)
def test_impossible_segments_are_refused(
    rows: list[tuple[str, str, int, int, float]], assembly: str, reason: str
) -> None:
    """Another assembly or a table of two samples in one shows itself."""
    with pytest.raises(UnreadableSegments, match=reason):
        arm_calls(segments(*rows), assembly)


def test_contradicting_thresholds_are_refused() -> None:
    """A loss above a gain is no threshold."""
    with pytest.raises(UsageError, match="loss < 2 < gain"):
        Thresholds(gain=1.5)
    with pytest.raises(UsageError, match="part <= whole"):
        Thresholds(part=0.9, whole=0.5)


def test_the_copies_of_a_region_are_weighted_by_bases() -> None:
    """A region over two segments has their mean."""
    two = segments(("A", "5", 0, 100, 1.0), ("A", "5", 100, 400, 3.0), ("B", "7", 0, 9, 2.0))

    assert copies_at(two, "5", 50, 250).rows() == [("A", 2.5, 1.0)]


borders = st.lists(st.integers(0, FIVE.length), min_size=2, max_size=8, unique=True).map(sorted)


@given(borders, st.data())
def test_shares_are_shares(edges: list[int], data: st.DataObject) -> None:
    """No share leaves 0 to 1, and cutting a segment in two changes no call."""
    rows = [
        ("A", "5", start, end, data.draw(st.sampled_from([0.0, 1.0, 2.0, 3.0])))
        for start, end in pairwise(edges)
    ]
    cut = [
        piece
        for name, place, start, end, copies in rows
        for middle in [(start + end) // 2]
        for piece in ((name, place, start, middle, copies), (name, place, middle, end, copies))
        if piece[2] < piece[3]
    ]

    arms = arm_calls(segments(*rows), "GRCh37")

    assert arms.equals(arm_calls(segments(*cut), "GRCh37"))
    for name in ("covered", "gained", "lost"):
        assert arms[name].drop_nulls().is_between(0, 1).all()
