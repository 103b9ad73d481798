"""Detectors: what names people does not leave, whatever column it was typed into."""

from __future__ import annotations

from pathlib import Path

import pytest

import haemony as hm
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry, Role
from haemony.intake.known import known
from haemony.privacy import SiteKey, split
from haemony.privacy.detect import IdentifierFound, check_identifiers
from support.contributions import contribution

ENTRIES = (
    Entry("clinical", "patient", role=Role.PATIENT),
    Entry("clinical", "karyotype", element="karyotype_iscn"),
    Entry("clinical", "wbc", type=ColumnType.NUMBER, unit="10*9/L", element="wbc"),
)
AML = hm.disease("aml").catalogue
PLAIN = ["46,XX[20]", "46,XY,t(8;21)(q22;q22)[20]", "47,XX,+8[12]/46,XX[8]", "no metaphases"] * 5


def sealed(folder: Path, remarks: list[str], wbc: list[str] | None = None, *allowed: str) -> None:
    """Look at a contribution with these cells as a seal does."""
    counts = wbc or ["12.5"] * len(remarks)
    rows = [f'P{i},"{text}",{counts[i]}' for i, text in enumerate(remarks)]
    given = contribution(folder, "\n".join(("patient,karyotype,wbc", *rows, "")), ENTRIES)
    checked = check(given, AML)
    assert checked.sound, checked.summary()
    check_identifiers(split(checked, SiteKey(bytes(32))).payload, AML, allowed)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("46,XX[20] ask anna.muster@clinic.example", "e-mail addresses"),
        ("46,XX[20], call +49 731 500 1234", "telephone numbers"),
        ("46,XX[20] call 0731/5001234", "telephone numbers"),
        ("46,XX[20] from 12.03.1961", "calendar dates"),
        ("1961-03-12", "calendar dates"),
        ("46,XX[20] Frau Muster", "names with a title"),
        ("seen by Dr. Muster", "names with a title"),
        ("943 476 5919", "national or insurance numbers"),
        ("123-45-6789", "national or insurance numbers"),
        ("A123456789", "national or insurance numbers"),
    ],
)
def test_one_cell_is_enough(tmp_path: Path, cell: str, kind: str) -> None:
    """A single telltale cell among twenty karyotypes stops the seal, and is not quoted."""
    with pytest.raises(IdentifierFound) as caught:
        sealed(tmp_path / "c", [*PLAIN, cell])

    (suspect,) = caught.value.suspects
    assert (suspect.place, suspect.cells, suspect.why) == ("clinical.karyotype", 1, kind)
    assert "Muster" not in str(caught.value)
    assert cell not in str(caught.value)


def test_karyotypes_are_not_names(tmp_path: Path) -> None:
    """Plain karyotypes pass."""
    sealed(tmp_path / "c", PLAIN)


@pytest.mark.parametrize(
    "cells",
    [
        ["Anna Muster", "Jane Doe", "Max Beispiel", "Erika Mustermann", "John Smith",
         "Mary Jones", "Otto Normal", "Lieschen Müller"],
        ["patient was seen in March and is well", "came back with fever after two weeks",
         "no further therapy was wanted by her", "moved to another town with family"],
        ["01067", "89081", "20095", "50667", "04109", "28195"],
    ],
    ids=["names", "free text", "postcodes"],
)  # fmt: skip
def test_columns_of_people(tmp_path: Path, cells: list[str]) -> None:
    """Columns of names, of free text and of postcodes are found by their cells together."""
    with pytest.raises(IdentifierFound):
        sealed(tmp_path / "c", cells)


def test_a_patient_number_among_counts(tmp_path: Path) -> None:
    """A number of ten digits is no white cell count."""
    with pytest.raises(IdentifierFound, match="eight digits"):
        sealed(tmp_path / "c", PLAIN, ["12.5"] * 19 + ["9434765919"])


def test_what_a_person_looked_at_passes(tmp_path: Path) -> None:
    """A column on the list of harmless ones is sealed."""
    sealed(tmp_path / "c", [*PLAIN, "from 12.03.1961"], None, "clinical.karyotype")


@pytest.mark.parametrize("name", ["amlsg", "tcga_laml", "sal_ctab", "sal_nflow"])
def test_real_contributions_pass(shared_data: Path, name: str) -> None:
    """No column of the real contributions is suspected: false alarms dull attention."""
    folder = known(name)
    assert folder is not None
    data = {"amlsg": "amlsg", "tcga_laml": "tcga_laml"}.get(name, "aml_synthetic_sal")
    given = hm.Contribution.load(folder, shared_data / data)
    checked = check(given, AML)

    check_identifiers(split(checked, SiteKey(bytes(32))).payload, AML)
