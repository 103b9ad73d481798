"""HGVS names are read in full or not at all, and printing what was read changes nothing."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.harmonise import hgvs
from haemony.harmonise.hgvs import Change, Coding, Consequence, Place, Protein, Unreadable

AMINO = "ACDEFGHIKLMNPQRSTVWY"


@pytest.mark.parametrize(
    ("text", "name", "position"),
    [
        ("NM_000546.6:c.743G>A", "NM_000546.6:c.743G>A", 743),
        ("NM_000546.6(TP53):c.743G>A", "NM_000546.6:c.743G>A", 743),
        ("c.2248_2249insTTC", "c.2248_2249insTTC", 2248),
        ("c.863_866delTGCA", "c.863_866del", 863),
        ("c.863_866del4", "c.863_866del", 863),
        ("c.35delg", "c.35del", 35),
        ("c.1934dupG", "c.1934dup", 1934),
        ("c.375+2T>C", "c.375+2T>C", 375),
        ("c.-27-3_-12del", "c.-27-3_-12del", -27),
        ("c.*12A>G", "c.*12A>G", 12),
        ("c.100_103delinsTT", "c.100_103delinsTT", 100),
        ("c.100_103delACGTinsTT", "c.100_103delinsTT", 100),
        ("c.100_101AG>CT", "c.100_101delinsCT", 100),
        ("c.G743A", "c.743G>A", 743),
        ("c.203_206inv", "c.203_206inv", 203),
        ("c.123A=", "c.123A=", 123),
        ("NC_000017.11:g.7674220C>T", "NC_000017.11:g.7674220C>T", 7674220),
    ],
)
def test_a_coding_name_is_written_canonically(text: str, name: str, position: int) -> None:
    """Whatever liberty a laboratory takes, one change has one name."""
    found = hgvs.parse(text)

    assert isinstance(found, Coding)
    assert (found.name, found.position, found.text) == (name, position, text)


@pytest.mark.parametrize(
    ("text", "name", "short"),
    [
        ("p.R882H", "p.Arg882His", "p.R882H"),
        ("p.Arg882His", "p.Arg882His", "p.R882H"),
        ("NP_072046.2:p.(Arg882His)", "NP_072046.2:p.(Arg882His)", "NP_072046.2:p.(R882H)"),
        ("p.W288Cfs*12", "p.Trp288CysfsTer12", "p.W288Cfs*12"),
        ("p.Trp288CysfsTer12", "p.Trp288CysfsTer12", "p.W288Cfs*12"),
        ("p.W288fs", "p.Trp288fs", "p.W288fs"),
        ("p.W288fsX12", "p.Trp288fsTer12", "p.W288fs*12"),
        ("p.Q61fs*>9", "p.Gln61fsTer>9", "p.Q61fs*>9"),
        ("p.R213*", "p.Arg213Ter", "p.R213*"),
        ("p.R213X", "p.Arg213Ter", "p.R213*"),
        ("p.=", "p.=", "p.="),
        ("p.(=)", "p.(=)", "p.(=)"),
        ("p.?", "p.?", "p.?"),
        ("p.0?", "p.0?", "p.0?"),
        ("p.M1?", "p.Met1?", "p.M1?"),
        ("p.R36R", "p.Arg36=", "p.R36="),
        ("p.Arg36%3D", "p.Arg36=", "p.R36="),
        ("p.*394Kext*9", "p.Ter394LysextTer9", "p.*394Kext*9"),
        ("p.Met1ext-5", "p.Met1ext-5", "p.M1ext-5"),
        ("p.K33dup", "p.Lys33dup", "p.K33dup"),
        ("p.D600_L601insFREYEYD", "p.Asp600_Leu601insPheArgGluTyrGluTyrAsp", None),
        ("p.I836delI", "p.Ile836del", "p.I836del"),
        ("p.E627_S628delinsAG", "p.Glu627_Ser628delinsAlaGly", None),
        ("p.D419_R420>G", "p.Asp419_Arg420delinsGly", None),
        ("p.417_418TY>I", "p.417_418delinsIle", "p.417_418delinsI"),
    ],
)
def test_a_protein_name_is_written_in_both_codes(text: str, name: str, short: str | None) -> None:
    """One-letter and three-letter names of one change are equal."""
    found = hgvs.parse(text)

    assert isinstance(found, Protein)
    assert found.name == name
    assert short is None or found.short == short
    assert hgvs.parse(found.short) == hgvs.parse(found.name)


@pytest.mark.parametrize(
    ("text", "consequence"),
    [
        ("p.R882H", Consequence.MISSENSE),
        ("p.R213*", Consequence.NONSENSE),
        ("p.W288Cfs*12", Consequence.FRAMESHIFT),
        ("p.K33dup", Consequence.INFRAME_INSERTION),
        ("p.I836del", Consequence.INFRAME_DELETION),
        ("p.A10_A11ins*", Consequence.NONSENSE),
        ("p.M1V", Consequence.START_LOST),
        ("p.*394S", Consequence.STOP_LOST),
        ("p.*394=", Consequence.STOP_RETAINED),
        ("p.R36=", Consequence.SYNONYMOUS),
        ("p.0", Consequence.NO_PROTEIN),
        ("c.375+2T>C", Consequence.ESSENTIAL_SPLICE),
        ("c.376-7T>C", Consequence.INTRONIC),
        ("c.100_375+4del", Consequence.ESSENTIAL_SPLICE),
        ("c.-12A>G", Consequence.UTR5),
        ("c.*12A>G", Consequence.UTR3),
        ("c.863_866dup", Consequence.FRAMESHIFT),
        ("c.863_865del", Consequence.INFRAME_DELETION),
        ("c.863_865delinsAC", Consequence.FRAMESHIFT),
        ("c.743G>A", Consequence.UNKNOWN),
        ("g.743G>A", Consequence.UNKNOWN),
    ],
)
def test_a_name_tells_its_consequence(text: str, consequence: Consequence) -> None:
    """What a name implies is said; what needs a reference sequence is not."""
    found = hgvs.parse(text)

    assert not isinstance(found, Unreadable)
    assert found.consequence is consequence


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ITD", "no prefix"),
        ("C123T", "no prefix"),
        ("", "no prefix"),
        ("p.", "nothing behind"),
        ("p.D835", "no form"),
        ("p.FN304fs", "no form"),
        ("c.[76A>C;83G>C]", "no form"),
        ("c.863_866delTGC", "span 4 base"),
        ("c.863_866del5", "span 4 base"),
        ("c.743G>G", "the same"),
        ("c.866_863del", "before the start"),
        ("c.0A>G", "no position 0"),
        ("c.2248_2250insTTC", "two neighbours"),
        ("c.2248insTTC", "two neighbours"),
        ("p.A10_A12insG", "two neighbours"),
        ("p.A10delG", "two residues"),
        ("p.A10_A12delAG", "span 3 residue"),
        ("p.K139N_T140delT", "no form"),
        ("p.Met1ext5", "Met1ext-5"),
    ],
)
def test_what_contradicts_itself_is_not_repaired(text: str, reason: str) -> None:
    """An unreadable name is kept as it was written, with the reason."""
    found = hgvs.parse(text)

    assert isinstance(found, Unreadable)
    assert found.text == text
    assert reason in found.reason


def test_a_column_of_protein_names_may_leave_out_the_prefix() -> None:
    """The column tells what a bare name is about; the name alone does not."""
    named = hgvs.table(pl.Series(["R516H", None, "R516H", "NA"]), level="p")

    assert named["name"].to_list() == ["p.Arg516His", None, "p.Arg516His", None]
    assert named["unread"].to_list()[3] == "no form of a protein change that we know"
    assert named.schema == hgvs.NAMES


def test_a_liberty_is_noted() -> None:
    """A departure from the nomenclature that leaves no doubt is read, and said."""
    found = hgvs.parse("p.R213X")

    assert isinstance(found, Protein)
    assert found.notes == ("X read as a stop",)


places = st.builds(
    Place,
    base=st.integers(1, 9999),
    offset=st.sampled_from([0, 0, 0, 1, -2, 35]),
    behind_stop=st.booleans(),
)
bases = st.text("ACGT", min_size=1, max_size=6)


@st.composite
def codings(draw: st.DrawFn) -> Coding:
    """Any sound nucleotide change."""
    change = draw(st.sampled_from([Change.SUBSTITUTION, Change.DELETION, Change.INSERTION]))
    start = draw(places)
    if change is Change.SUBSTITUTION:
        reference, alternate = draw(st.permutations("ACGT"))[:2]
        return Coding(change, start, start, reference, alternate)
    if change is Change.INSERTION:
        start = Place(start.base, 0, start.behind_stop)
        end = Place(start.base + 1, 0, start.behind_stop)
        return Coding(change, start, end, alternate=draw(bases))
    end = Place(start.base + draw(st.integers(1, 50)), 0, start.behind_stop)
    return Coding(change, start, end)


@given(codings())
def test_a_coding_name_survives_printing(change: Coding) -> None:
    """Reading what was printed gives the change that was printed."""
    assert hgvs.parse(change.name) == change


@given(
    st.sampled_from(AMINO),
    st.integers(1, 5000),
    st.text(AMINO, min_size=1, max_size=5),
    st.sampled_from(["", "fs", "fs*", "fs*?", "fs*>3", "fs*17", "ext*4", "delins", "dup"]),
    st.booleans(),
)
def test_protein_names_print_and_read_alike(
    first: str, position: int, new: str, form: str, predicted: bool
) -> None:
    """Both codes of a protein change read back to the same change, and printing is stable."""
    tails = {"": new[0], "dup": "dup", "delins": f"delins{new}", "ext*4": f"{new[0]}ext*4"}
    body = f"{'*' if form == 'ext*4' else first}{position}{tails.get(form, new[0] + form)}"
    found = hgvs.parse(f"p.({body})" if predicted else f"p.{body}")

    assert isinstance(found, Protein)
    for text in (found.name, found.short):
        again = hgvs.parse(text)
        assert again == found
        assert isinstance(again, Protein)
        assert (again.name, again.short) == (found.name, found.short)


@given(st.text(max_size=30) | st.from_regex(r"[cp]\.[A-Z0-9_*>delinsupf+?=()-]{0,20}"))
def test_no_text_is_lost_or_breaks_the_reader(text: str) -> None:
    """Any text whatever comes back as a name that prints stably, or unread and unchanged."""
    found = hgvs.parse(text)

    assert found.text == text
    if not isinstance(found, Unreadable):
        again = hgvs.parse(found.name)
        assert not isinstance(again, Unreadable)
        assert again.name == found.name
