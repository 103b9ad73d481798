"""How well the draft does on real files whose dictionaries a person has made."""

from __future__ import annotations

from pathlib import Path

import pytest

import haemony as hm
from haemony.intake.dictionary import Role, Status, read_dictionary
from haemony.intake.draft import Draft, draft
from haemony.intake.known import known
from haemony.intake.readers import read

FILES = {
    "amlsg": ("amlsg/clinical.csv", "clinical"),
    "sal_ctab": ("aml_synthetic_sal/synthetic_aml_data_ctab_corrected.csv", "patients"),
    "tcga_laml": ("tcga_laml/tcga_laml.maf.tsv", "variants"),
}


def drafted(shared_data: Path, name: str) -> Draft:
    """A draft of the real file, made without its dictionary."""
    return draft([read(shared_data / FILES[name][0])], hm.disease("aml").catalogue)


def ranks(made: Draft, name: str) -> list[int]:
    """For every mapping of the real dictionary, the rank of its element; 0 if not suggested."""
    folder = known(name)
    assert folder is not None
    suggested = {
        line.entry.column: [found.element for found in line.suggestions] for line in made.columns
    }
    return [
        suggested[entry.column].index(entry.element) + 1
        if entry.element in suggested[entry.column]
        else 0
        for entry in read_dictionary(folder / "dictionary.csv").of(FILES[name][1])
        if entry.element and entry.status is Status.CONFIRMED
    ]


@pytest.mark.parametrize(
    ("name", "mapped", "first", "in_three"),
    [("amlsg", 62, 60, 62), ("sal_ctab", 88, 82, 86), ("tcga_laml", 12, 11, 11)],
)
def test_most_elements_are_ranked_first(
    shared_data: Path, name: str, mapped: int, first: int, in_three: int
) -> None:
    """Of the mappings a person made, how many the draft ranks first and among its first three."""
    found = ranks(drafted(shared_data, name), name)

    assert len(found) == mapped
    assert sum(rank == 1 for rank in found) == first >= 0.6 * mapped
    assert sum(1 <= rank <= 3 for rank in found) == in_three >= 0.75 * mapped


def test_the_patient_column_of_the_trials_is_found(shared_data: Path) -> None:
    """The sample names the patient, no clinical column is taken for an identifier."""
    lines = drafted(shared_data, "amlsg").columns

    assert [line.entry.column for line in lines if line.entry.role is Role.PATIENT] == ["PDID"]
    assert [line.entry.column for line in lines if line.entry.role is Role.DIRECT] == []


def test_units_of_the_simulated_patients_come_from_their_unit_columns(shared_data: Path) -> None:
    """Gpt/l, mmol/l and months are read from the columns beside the values."""
    units = {
        line.entry.column: line.entry.unit for line in drafted(shared_data, "sal_ctab").columns
    }

    assert [units[name] for name in ("WBC", "HB", "PLT", "OSTM", "EFSTM")] == [
        "10*9/L", "mmol/L", "10*9/L", "mo", "mo",
    ]  # fmt: skip


def test_minus_infinity_is_seen(shared_data: Path) -> None:
    """The follow-up of minus infinity is noted as missing, the numbers beside it as days."""
    raw = read(shared_data / "tcga_laml/tcga_laml_annot.tsv")

    lines = {
        line.entry.column: line.entry for line in draft([raw], hm.disease("aml").catalogue).columns
    }

    followed = lines["days_to_last_followup"]
    assert followed.missing == ("-Inf",)
    assert (followed.element, followed.unit) == ("last_contact_day", "d")
