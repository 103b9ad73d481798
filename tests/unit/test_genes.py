"""A gene symbol is approved, ambiguous, mangled or unknown; nothing is guessed."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.harmonise import genes
from haemony.harmonise.genes import Ambiguous, Approved, How, Mangled, Unknown, approve
from haemony.model.element import Gene


@pytest.mark.parametrize(
    ("written", "symbol", "how"),
    [
        ("SRSF2", "SRSF2", How.APPROVED),
        ("SFRS2", "SRSF2", How.EARLIER),
        ("MLL", "KMT2A", How.EARLIER),
        ("MLL3", "KMT2C", How.EARLIER),
        ("WHSC1", "NSD2", How.EARLIER),
        ("FAM175A", "ABRAXAS1", How.EARLIER),
        ("MARCH1", "MARCHF1", How.EARLIER),
        ("SEPT9", "SEPTIN9", How.EARLIER),
        ("SEP15", "SELENOF", How.EARLIER),
        ("srsf2", "SRSF2", How.CASE),
        (" MLL ", "KMT2A", How.EARLIER),
    ],
)
def test_one_gene_has_one_symbol(written: str, symbol: str, how: How) -> None:
    """An approved or earlier name gives the approved symbol and says by which way."""
    assert approve(written) == Approved(written, symbol, how)


@pytest.mark.parametrize(
    ("written", "candidates"),
    [("MLL2", ("KMT2B", "KMT2D")), ("MLL4", ("KMT2B", "KMT2D")), ("DEC1", ("BHLHE40", "DELEC1"))],
)
def test_a_name_of_two_genes_is_flagged(written: str, candidates: tuple[str, ...]) -> None:
    """Several genes have borne the name, so none is taken."""
    assert approve(written) == Ambiguous(written, candidates)


def test_the_chromosome_settles_a_name_of_two_genes() -> None:
    """MLL2 on chromosome 12 is KMT2D and on 19 KMT2B; on another it stays open."""
    assert approve("MLL2", chromosome="12") == Approved("MLL2", "KMT2D", How.CHROMOSOME)
    assert approve("MLL2", chromosome="chr19") == Approved("MLL2", "KMT2B", How.CHROMOSOME)
    assert isinstance(approve("MLL2", chromosome="7"), Ambiguous)


def test_a_catalogue_cannot_settle_what_history_leaves_open() -> None:
    """A catalogue that knows MLL2 as one gene's former symbol does not make it unambiguous."""
    catalogue = {"KMT2D": Gene("KMT2D", ("MLL2",), 1), "PHF6": Gene("PHF6", ("OLD6",), 2)}

    assert approve("MLL2", catalogue) == Ambiguous("MLL2", ("KMT2B", "KMT2D"))
    assert approve("PHF6", catalogue) == Approved("PHF6", "PHF6", How.APPROVED)
    assert approve("OLD6", catalogue) == Approved("OLD6", "PHF6", How.EARLIER)
    assert approve("PHF6") == Unknown("PHF6")


@pytest.mark.parametrize(
    ("written", "candidates"),
    [
        ("1-Mar", ("MARCHF1", "MTARC1")),
        ("01-Mar", ("MARCHF1", "MTARC1")),
        ("Mar-01", ("MARCHF1", "MTARC1")),
        ("3-Mar", ("MARCHF3",)),
        ("Sep-02", ("SEPTIN2",)),
        ("2-Sep", ("SEPTIN2",)),
        ("2. Sep", ("SEPTIN2",)),
        ("1. Mrz", ("MARCHF1", "MTARC1")),
        ("2-Sep-21", ("SEPTIN2",)),
        ("2021-09-02 00:00:00", ("SEPTIN2",)),
        ("9/12", ("SEPTIN12",)),
        ("12.09.", ("SEPTIN12",)),
        ("15-Sep", ("SELENOF",)),
        ("1-Dec", ("BHLHE40", "DELEC1")),
        ("4-Oct", ("POU5F1",)),
        ("44256", ("MARCHF1", "MTARC1")),
        ("44441", ("SEPTIN2",)),
        ("44441.0", ("SEPTIN2",)),
        ("42979", ("SEPTIN1",)),
        ("30-Sep", ()),
        ("2.31E+13", ()),
    ],
)
def test_what_a_spreadsheet_spoilt_is_shown_with_its_candidates(
    written: str, candidates: tuple[str, ...]
) -> None:
    """A date or number in place of a symbol is no gene; the symbols it may have been are named."""
    found = approve(written)

    assert isinstance(found, Mangled)
    assert found.candidates == candidates


@pytest.mark.parametrize("written", ["", "XYZ1", "FLT3-ITD", "12345678", "12-Foo", "99"])
def test_the_rest_is_unknown(written: str) -> None:
    """A text that is neither a known symbol nor a spoilt one stays as it is."""
    assert approve(written) == Unknown(written)


def test_a_column_keeps_its_order_and_its_nulls() -> None:
    """Every row gets its answer, in place."""
    answered = genes.table(pl.Series(["MLL", None, "MLL2", "2-Sep", "MLL"]))

    assert answered["symbol"].to_list() == ["KMT2A", None, None, None, "KMT2A"]
    assert answered["state"].to_list() == ["approved", None, "ambiguous", "mangled", "approved"]
    assert answered.schema == genes.ANSWERS

    written = pl.Series(["MLL2", "MLL2", "MLL"])
    placed = genes.table(written, chromosomes=pl.Series(["12", None, "11"]))
    assert placed["symbol"].to_list() == ["KMT2D", None, "KMT2A"]


@given(st.text(max_size=20) | st.from_regex(r"\A[0-9]{1,5}[-/. ]?[A-Za-z]{0,4}[-/ ]?[0-9]{0,4}\Z"))
def test_every_text_has_an_answer(written: str) -> None:
    """No text breaks the function, and the answer holds the text as it was written."""
    assert approve(written).written == written


def test_the_history_does_not_contradict_itself() -> None:
    """No approved symbol is an earlier name of another gene; genes that share a name are placed."""
    names = genes._names()

    assert not names.approved & set(names.earlier)
    for bearers in names.earlier.values():
        assert len(bearers) == 1 or all(names.chromosomes[gene] for gene in bearers)
