"""Every element of every disease: written to OMOP and read back, the same values."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import haemony as hm
from haemony.harmonise.harmonised import to_omop
from haemony.harmonise.omop.read import READ, read
from haemony.intake import check
from haemony.intake.dictionary import ColumnType, Entry, Role, write_dictionary
from haemony.model.element import Element, ValueType
from support.protection import protected
from support.tables import blanked

PATIENTS = 12
DESCRIPTION = """
id: everything
title: One value of every element for a dozen invented patients (in silico)
partner: nobody
contact: nobody
disease: {code}
source: cohort
in_silico: true
conditions_of_use: ["DUO:0000042"]
timeline: {{origin: diagnosis}}
patients: patients
tables: {{patients: {{file: patients.csv}}}}
"""


def values(element: Element) -> list[str]:
    """A dozen values of an element: its codes in turn, or numbers over its range."""
    if element.codes:
        return [element.codes[i % len(element.codes)] for i in range(PATIENTS)]
    if element.type is ValueType.TEXT:
        return [f"text {i}" for i in range(PATIENTS)]
    low = element.low or 0.0
    high = min(element.high if element.high is not None else low + 100, low + 500)
    numbers = [low + (high - low) * i / PATIENTS for i in range(PATIENTS)]
    whole = element.type is not ValueType.NUMBER
    return [str(int(number) if whole else number) for number in numbers]


def entry(element: Element) -> Entry:
    """The line of the dictionary for the column that bears the element's name."""
    kind = ColumnType.CATEGORY if element.codes else ColumnType.NUMBER
    return Entry(
        "patients",
        element.name,
        type=ColumnType.TEXT if element.type is ValueType.TEXT else kind,
        unit=element.unit if element.type.is_numeric else "",
        values={code: code for code in element.codes},
        element=element.name,
        value_map={code: code for code in element.codes},
    )


def everything(code: str, folder: Path) -> hm.Contribution:
    """A contribution with one column per element; parts of records have their own tests."""
    alone = [e for e in hm.disease(code).catalogue.values() if not e.record]
    alone = [e for e in alone if e.name not in {"centre", "cause_of_death"}]
    columns = {"patient": [f"P{i}" for i in range(PATIENTS)]}
    columns |= {element.name: values(element) for element in alone}
    pl.DataFrame(columns).write_csv(folder / "patients.csv")
    lines = [Entry("patients", "patient", role=Role.PATIENT), *map(entry, alone)]
    write_dictionary(lines, folder / "dictionary.csv")
    text = DESCRIPTION.format(code=code)
    (folder / "contribution.yaml").write_text(text, encoding="utf-8")
    return hm.Contribution.load(folder)


@pytest.mark.parametrize("code", ("blood", "aml"))
def test_every_element_comes_back(code: str, tmp_path: Path) -> None:
    """No two elements of a catalogue share what they are written as: the law holds for each."""
    disease = hm.disease(code)
    report = check(everything(code, tmp_path), disease.catalogue)
    assert report.errors == 0

    harmonised = to_omop(protected(report), disease, 1)
    back = read(disease.catalogue.values(), blanked(harmonised.tables))

    written = harmonised.facts.select(READ.names()).sort(READ.names(), nulls_last=True)
    assert written.height > 2_000
    assert back.sort(READ.names(), nulls_last=True).equals(written)
    assert not harmonised.tables["set_aside"].height
