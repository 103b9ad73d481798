"""A contribution whose tables are in OMOP already: it needs no dictionary.

The CDM itself declares every column, so the description only says which files hold which table,
how missing values are written, and, if there is one, where the partner's mapping table lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haemony.intake.contribution import (
    ContributionFault,
    SourceKind,
    inside,
    read_description,
    say_cause,
)
from haemony.intake.readers import Layout

Source = tuple[Path, Layout | None]
"""A file and what is known about its layout."""


@dataclass(frozen=True, slots=True)
class MappingTable:
    """The partner's table from source to concepts.

    Attributes:
        source: File and layout.
        column: Column that names the source's column.
        text: Column that says what stands in it; for a unit, how the source writes it.
        concept: Column with the concept id.
        kind: Column that says what a row is about; empty where the table does not say.
        units: What stands in ``kind`` when the row is about a unit.
    """

    source: Source
    column: str
    text: str
    concept: str
    kind: str
    units: str


@dataclass(frozen=True)
class OmopContribution:
    """One partner's OMOP tables.

    Attributes:
        id: Stable name.
        title: What it is, in one line.
        partner: Who brings it.
        contact: Whom to ask.
        disease: Code of the disease.
        cut_off: Date the data were frozen, ISO 8601, or ``not stated``.
        conditions: Conditions of use as GA4GH Data Use Ontology codes.
        in_silico: Whether the patients are simulated.
        tables: The files of every CDM table.
        nulls: How missing values are written, beside the empty cell.
        mapping: The partner's mapping table, if one was given.
        folder: Where the description lies.

    Example:
        >>> from haemony.intake.known import known
        >>> OmopContribution.load(known("sal_omop_ctab"), Path("data")).nulls
        ('(null)',)
    """

    id: str
    title: str
    partner: str
    contact: str
    disease: str
    cut_off: str
    conditions: tuple[str, ...]
    in_silico: bool
    tables: Mapping[str, tuple[Source, ...]]
    nulls: tuple[str, ...]
    mapping: MappingTable | None
    folder: Path

    @classmethod
    def load(cls, folder: Path, data: Path | None = None) -> OmopContribution:
        """Read the description; the files are not opened yet.

        Args:
            folder: Holds ``contribution.yaml``.
            data: Holds the data files; the same folder unless given.

        Raises:
            ContributionFault: When the description is absent, cannot be understood, or says that
                the tables are not in OMOP.
        """
        given = read_description(folder)
        try:
            return _contribution(given, folder, data or folder)
        except (KeyError, ValueError, TypeError, AttributeError) as fault:
            reason = f"cannot be understood: {say_cause(fault)}"
            raise ContributionFault(folder, reason) from fault


def _contribution(given: Mapping[str, Any], folder: Path, data: Path) -> OmopContribution:
    if SourceKind(given["source"]) is not SourceKind.OMOP:
        raise ValueError(
            f"source is {given['source']!r}; only `source: omop` is judged without a dictionary. "
            "For other tables use `haemony contribution check`"
        )
    return OmopContribution(
        id=str(given["id"]),
        title=str(given["title"]),
        partner=str(given["partner"]),
        contact=str(given["contact"]),
        disease=str(given["disease"]),
        cut_off=str(given.get("data_cut_off", "not stated")),
        conditions=tuple(map(str, given["conditions_of_use"])),
        in_silico=bool(given.get("in_silico", False)),
        tables={str(name): _sources(spec, data) for name, spec in given["tables"].items()},
        nulls=tuple(map(str, given.get("nulls", ()))),
        mapping=_mapping(given["mapping"], data) if given.get("mapping") else None,
        folder=folder,
    )


def _sources(spec: Mapping[str, Any], data: Path) -> tuple[Source, ...]:
    """One ``file`` or several ``files``, all laid out alike."""
    names = spec["files"] if "files" in spec else [spec["file"]]
    layout = Layout(**spec["layout"]) if spec.get("layout") else None
    return tuple((inside(data, name), layout) for name in names)


def _mapping(spec: Mapping[str, Any], data: Path) -> MappingTable:
    return MappingTable(
        source=_sources(spec, data)[0],
        column=str(spec["column"]),
        text=str(spec["text"]),
        concept=str(spec["concept"]),
        kind=str(spec.get("kind", "")),
        units=str(spec.get("units", "")),
    )
