"""An expression matrix keeps every value, says what is missing, and names how genes were chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.harmonise.expression import (
    Expression,
    Orientation,
    Scale,
    Summary,
    UnreadableMatrix,
    annotated,
    by_gene,
    load,
    read_annotation,
    read_expression,
    scale_of,
    write,
)

PROBES_IN_ROWS = "probe,S1,S2\n1_at,7.5,8\n2_at,,6\n3_at,NA,5\n1_at,1,2\n"
SAMPLES_IN_ROWS = "pid,event,time,1_at,2_at,3_at\nS1,1,2.5,7.5,6,5\nS2,0,3,8,5,4\n"


def written(folder: Path, text: str) -> Path:
    """The text as a file."""
    path = folder / "matrix.csv"
    path.write_text(text)
    return path


def matrix(values: list[list[float]], genes: list[str | None]) -> Expression:
    """A matrix of probes P1, P2 and so on."""
    array = np.array(values, np.float32)
    return Expression(
        values=array,
        probes=tuple(f"P{place + 1}" for place in range(len(values))),
        samples=tuple(f"S{place + 1}" for place in range(array.shape[1])),
        genes=tuple(genes),
        scale=Scale.LOG,
        missing=int(np.isnan(array).sum()),
        unreadable=0,
        duplicates=0,
    )


def test_missing_values_and_repeated_probes_are_counted(tmp_path: Path) -> None:
    """An empty cell and NA are no value; a probe that comes twice keeps both rows."""
    found = read_expression(written(tmp_path, PROBES_IN_ROWS))

    assert found.probes == ("1_at", "2_at", "3_at", "1_at#2")
    assert found.samples == ("S1", "S2")
    assert (found.missing, found.duplicates, found.unreadable) == (2, 1, 0)
    assert found.values[0].tolist() == [7.5, 8.0]
    assert np.isnan(found.values[1, 0])


def test_samples_in_rows_are_turned(tmp_path: Path) -> None:
    """Either orientation gives probes by samples; columns set aside are named."""
    found = read_expression(
        written(tmp_path, SAMPLES_IN_ROWS),
        orientation=Orientation.SAMPLES_IN_ROWS,
        aside=("event", "time"),
    )

    assert (found.probes, found.samples) == (("1_at", "2_at", "3_at"), ("S1", "S2"))
    assert found.values.tolist() == [[7.5, 8], [6, 5], [5, 4]]
    assert found.notes == ("samples in rows (declared)", "columns set aside: event, time")


def test_the_longer_side_holds_the_probes_unless_declared(tmp_path: Path) -> None:
    """The choice stands in the notes."""
    tall = read_expression(written(tmp_path, "id,A\np1,1\np2,2\np3,3\n"))
    wide = read_expression(written(tmp_path, "id,p1,p2,p3\nA,1,2,3\n"))

    assert tall.values.tolist() == wide.values.tolist()
    assert wide.notes == ("samples in rows (the longer side)",)


def test_texts_among_numbers_are_counted_and_columns_of_text_set_aside(tmp_path: Path) -> None:
    """One odd cell makes no column unreadable, and no text becomes a number."""
    rows = "".join(f"p{n},ABL1,{n},{n}\n" for n in range(20))
    found = read_expression(written(tmp_path, "probe,symbol,A,B\n" + rows + "p20,X,oops,1\n"))

    assert (found.unreadable, found.missing) == (1, 1)
    assert found.samples == ("A", "B")
    assert "columns set aside: symbol" in found.notes


def test_a_table_without_numbers_is_refused(tmp_path: Path) -> None:
    """The error says what to name."""
    with pytest.raises(UnreadableMatrix, match="no column holds numbers"):
        read_expression(written(tmp_path, "id,a\nx,b\n"))
    with pytest.raises(UnreadableMatrix, match="no column 'pid'"):
        read_expression(written(tmp_path, "id,a\nx,1\n"), id_column="pid")


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    """A German export has the same numbers."""
    found = read_expression(written(tmp_path, "id;A;B\np1;7,25;8,5\np2;6,5;5,5\n"))

    assert found.values.tolist() == [[7.25, 8.5], [6.5, 5.5]]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([3.0, 7.5, 14.2, 9.1], Scale.LOG),
        ([-1.2, 0.1, 0.9, -0.4], Scale.LOG_RATIO),
        ([120.0, 15000.0, 34.0, 800.0], Scale.LINEAR),
        ([], Scale.LOG),
    ],
)
def test_the_scale_is_judged_from_the_numbers(values: list[float], scale: Scale) -> None:
    """Intensities, their logarithms and logarithms of ratios look different."""
    assert scale_of(np.array([values], np.float32)) is scale


@pytest.mark.parametrize(
    ("summary", "probe"),
    [
        (Summary.HIGHEST_MEAN, "P2"),
        (Summary.HIGHEST_VARIANCE, "P3"),
        (Summary.FIRST, "P1"),
    ],
)
def test_one_probe_stands_for_a_gene_by_a_named_rule(summary: Summary, probe: str) -> None:
    """The rule chooses, the notes say which, and the other probes are counted."""
    several = matrix(
        [[1, 2], [8, 9], [0, 5], [7, 7], [3, 3]], ["ABL1", "ABL1", "ABL1", "BCR", None]
    )

    genes = by_gene(several, summary)

    assert genes.genes == ("ABL1", "BCR")
    assert genes.probes == (probe, "P4")
    assert genes.notes[-1] == (
        f"2 genes from 4 probes by the {summary}; 1 probe(s) without a gene left out"
    )


def test_a_probe_without_values_never_stands_for_a_gene() -> None:
    """Unless the gene has no other."""
    empty = float("nan")
    several = matrix([[empty, empty], [-9, -8], [empty, empty]], ["A", "A", "B"])

    assert by_gene(several, Summary.HIGHEST_MEAN).probes == ("P2", "P3")


def test_annotation_is_approved_and_never_guessed() -> None:
    """Former symbols are approved; spoilt, ambiguous and multiple ones name no gene."""
    annotation = {
        "P1": "MLL",
        "P2": "1-Mar",
        "P3": "MLL2",
        "P4": "A /// B",
        "P5": "KLF9",
        "P6": "---",
    }
    found = annotated(matrix([[1.0]] * 7, [None] * 7), annotation)

    assert found.genes == ("KMT2A", None, None, None, "KLF9", None, None)
    assert found.notes == ("4 probe(s) of several genes or none", "1 probe(s) without a symbol")


def test_an_annotation_table_is_read(tmp_path: Path) -> None:
    """A probe with two symbols has both, and then names no gene."""
    path = tmp_path / "array.csv"
    path.write_text("ID,Symbol\nP1,MLL\nP1,MLL\nP2,ABL1\nP2,BCR\nP3,\n")

    found = read_annotation(path, "ID", "Symbol")

    assert found == {"P1": "MLL", "P2": "ABL1 /// BCR"}
    assert annotated(matrix([[1.0]] * 3, [None] * 3), found).genes == ("KMT2A", None, None)
    with pytest.raises(UnreadableMatrix, match="no column 'Gene'"):
        read_annotation(path, "ID", "Gene")


def test_samples_are_renamed_and_left_out() -> None:
    """A pseudonym takes the place of a name; a sample without one does not come along."""
    found = matrix([[1, 2, float("nan")]], [None]).of({"S3": "x", "S1": "y"})

    assert found.samples == ("y", "x")
    assert found.missing == 1


def test_writing_and_loading_changes_nothing(tmp_path: Path) -> None:
    """Values, names and what was decided come back, and the same matrix gives the same bytes."""
    found = annotated(read_expression(written(tmp_path, PROBES_IN_ROWS)), {"1_at": "MLL"})
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"

    write(found, first)
    write(found, second)
    again = load(first)

    assert np.array_equal(again.values, found.values, equal_nan=True)
    assert again.values.dtype == np.float32
    assert (again.probes, again.samples, again.genes) == (found.probes, found.samples, found.genes)
    assert (again.notes, again.missing, again.scale) == (found.notes, found.missing, found.scale)
    assert first.read_bytes() == second.read_bytes()


@given(
    st.lists(
        st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3), min_size=1, max_size=12
    ),
    st.data(),
)
def test_every_gene_is_one_of_its_own_probes(
    values: list[list[float]], data: st.DataObject
) -> None:
    """No value is invented: each gene's row is the row of a probe that measures it."""
    names = data.draw(
        st.lists(st.sampled_from(["A", "B", None]), min_size=len(values), max_size=len(values))
    )
    several = matrix(values, names)

    for summary in Summary:
        genes = by_gene(several, summary)
        assert set(genes.genes) == {name for name in names if name}
        for gene, probe, row in zip(genes.genes, genes.probes, genes.values, strict=True):
            place = several.probes.index(probe)
            assert several.genes[place] == gene
            assert np.array_equal(several.values[place], row)
