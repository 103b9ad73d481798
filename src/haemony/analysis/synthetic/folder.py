"""A contribution folder as a partner would hand it over, but for in-silico patients.

The words *in silico* stand in the title, the partner's name, the file names and a column of every
patient table, so that nobody takes these patients for real ones wherever a part of them turns up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from haemony.intake.contribution import DESCRIPTION
from haemony.intake.dictionary import ColumnType, Entry, Role, Status, write_dictionary

IN_SILICO = "in silico"
CONTACT = "none: these patients are in silico, made by haemony.analysis.synthetic"
CUT_OFF = "2024-12-31"
NO_RESTRICTION = "DUO:0000004"
"""Data Use Ontology: no restriction; nobody is behind in-silico data."""

_HEADER = "# In-silico patients, drawn from published margins: no person is behind any row.\n"


def write_folder(folder: Path, description: Mapping[str, Any], entries: Iterable[Entry]) -> None:
    """Write ``contribution.yaml`` and ``dictionary.csv``.

    Args:
        folder: Where; made if absent.
        description: Fields of the contribution beside those that all in-silico ones share.
        entries: Lines of the dictionary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shared = {
        "contact": CONTACT,
        "disease": "aml",
        "data_cut_off": CUT_OFF,
        "conditions_of_use": [NO_RESTRICTION],
        "in_silico": True,
    }
    text = yaml.safe_dump({**description, **shared}, sort_keys=False, allow_unicode=True, width=100)
    (folder / DESCRIPTION).write_text(_HEADER + text, encoding="utf-8", newline="\n")
    write_dictionary(entries, folder / "dictionary.csv")


def patient(table: str, column: str) -> Entry:
    """The column with the partner's own patient number."""
    return Entry(table, column, "In-silico patient", role=Role.PATIENT)


def number(
    table: str, column: str, label: str, element: str, unit: str, missing: tuple[str, ...] = ()
) -> Entry:
    """A column of measured numbers."""
    role = Role.QUASI if element == "age_at_diagnosis" else Role.SENSITIVE
    kind = ColumnType.NUMBER
    return Entry(table, column, label, kind, unit, missing=missing, role=role, element=element)


def coded(
    table: str,
    column: str,
    label: str,
    element: str,
    codes: Mapping[str, str],
    missing: tuple[str, ...] = (),
) -> Entry:
    """A column of codes, each with the element's value it stands for."""
    role = Role.QUASI if element in {"sex", "study"} else Role.SENSITIVE
    return Entry(
        table,
        column,
        label,
        ColumnType.CATEGORY,
        values=dict(codes),
        missing=missing,
        role=role,
        element=element,
        value_map=dict(codes),
    )


def text(table: str, column: str, label: str, element: str) -> Entry:
    """A column of free text that feeds an element."""
    role = Role.QUASI if element == "centre" else Role.SENSITIVE
    return Entry(table, column, label, role=role, element=element)


def unmapped(table: str, column: str, label: str, why: str) -> Entry:
    """A column that feeds nothing, with the reason."""
    return Entry(table, column, label, status=Status.UNMAPPED, note=why)


def status(table: str, column: str) -> Entry:
    """The column that says in every row that its patient is in silico."""
    return unmapped(table, column, "Kind of patient", "Says in every row: in silico.")
