"""A contribution: a folder with ``contribution.yaml``, a dictionary and data files.

The folder is what a partner hands over. This module parses it at the border; everything further
in trusts the frozen values made here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml

from haemony.intake.dictionary import Dictionary, read_dictionary
from haemony.intake.omics import (
    Annotation,
    ExpressionFile,
    SampleNames,
    SegmentFile,
    patterns,
)
from haemony.intake.readers import Layout, RawTable, read
from haemony.intake.readers.assembly import assembly_of
from haemony.intake.readers.copynumber import COLUMNS, Counting, Measure
from haemony.intake.readers.expression import Orientation, Scale
from haemony.model.errors import UsageError

DESCRIPTION = "contribution.yaml"
DICTIONARIES = ("dictionary.csv", "dictionary.xlsx")


Choice = TypeVar("Choice", bound=StrEnum)


class ContributionFault(UsageError):
    """The description of a contribution cannot be understood."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(f"{folder.name}/{DESCRIPTION}: {reason}")


class SourceKind(StrEnum):
    """Where the data come from; decides the OMOP type concept of every row."""

    TRIAL = "trial"
    REGISTRY = "registry"
    HOSPITAL = "hospital"
    COHORT = "cohort"
    OMOP = "omop"


class Origin(StrEnum):
    """The event that day 0 stands for; each source declares its own and none is invented."""

    DIAGNOSIS = "diagnosis"
    SAMPLING = "sampling"
    RANDOMISATION = "randomisation"
    TRANSPLANT = "transplant"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True)
class Assay:
    """What was tested in whom: turns an absent call into *negative* and the rest into *not tested*.

    Attributes:
        name: What the laboratory calls it.
        method: The method its findings carry in the catalogue (``sequencing``).
        calls: The table with one row per detected variant.
        tested: The table whose patients were all tested.
        genes: The genes it covers, approved or former symbols; ``*`` for an exome or genome.
    """

    name: str
    method: str
    calls: str
    tested: str
    genes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes along and is not harmonised: a report, a matrix of methylation.

    Attributes:
        path: Where it lies.
        kind: What it is.
        about: One sentence on how it was made.
    """

    path: Path
    kind: str
    about: str


@dataclass(frozen=True)
class Description:
    """What a contribution says of itself; holds nothing of its files.

    Attributes:
        id: Stable name; admitting the same id again supersedes the earlier version.
        title: What it is, in one line.
        partner: Who brings it.
        contact: Whom to ask.
        disease: Code of the disease.
        source: Where the data come from.
        cut_off: Date the data were frozen, ISO 8601, or ``not stated``.
        conditions: Conditions of use as GA4GH Data Use Ontology codes.
        in_silico: Whether the patients are simulated.
        origin: What day 0 stands for.
        assays: What was tested in whom.
        diagnosis: The diagnosis of everybody of whom no column says another; that of the disease
            where it is empty.
    """

    id: str
    title: str
    partner: str
    contact: str
    disease: str
    source: SourceKind
    cut_off: str
    conditions: tuple[str, ...]
    in_silico: bool
    origin: Origin
    assays: tuple[Assay, ...]
    diagnosis: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Contribution(Description):
    """One partner's data and what they mean.

    Attributes:
        origin_column: Column of the patient table with the date of day 0, where dates are given.
        patients: The table with one row per patient.
        samples: Whether its rows are samples; of several of a patient the first counts.
        tables: File and layout of every table.
        attachments: Files that come along; hashed with the rest, not harmonised.
        dictionary: What every column means.
        folder: Where the description and the dictionary lie.
        data: Where the data files lie.
        expression: Its expression matrix.
        segments: Its copy-number segments.
    """

    origin_column: str
    patients: str
    tables: Mapping[str, tuple[Path, Layout | None]]
    attachments: tuple[Attachment, ...]
    dictionary: Dictionary
    folder: Path
    data: Path
    samples: bool = False
    expression: ExpressionFile | None = None
    segments: SegmentFile | None = None

    @classmethod
    def load(cls, folder: Path, data: Path | None = None) -> Contribution:
        """Read a contribution.

        Args:
            folder: Holds ``contribution.yaml`` and the dictionary.
            data: Holds the data files; the same folder unless given.

        Raises:
            ContributionFault: When the description is absent or cannot be understood.
            DictionaryFault: When the dictionary cannot be understood.
        """
        description = read_description(folder)
        if description.get("source") == SourceKind.OMOP:
            raise ContributionFault(folder, "its tables are in OMOP; `haemony contribution grade`")
        try:
            return _contribution(description, folder, data or folder)
        except (KeyError, ValueError, TypeError, AttributeError) as fault:
            reason = f"cannot be understood: {say_cause(fault)}"
            raise ContributionFault(folder, reason) from fault

    @property
    def description(self) -> Description:
        """What it says of itself, without its files."""
        return Description(**{part.name: getattr(self, part.name) for part in fields(Description)})

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file that makes up the contribution, description and dictionary first."""
        read_ones = [path for path, _ in self.tables.values()]
        read_ones += self.expression.paths if self.expression else ()
        read_ones += (self.segments.path,) if self.segments else ()
        attached = (attachment.path for attachment in self.attachments)
        described = (self.folder / DESCRIPTION, _dictionary_file(self.folder))
        return (*described, *dict.fromkeys(read_ones), *attached)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names and contents of all files: the identity of this version."""
        whole = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as content:
                part = hashlib.file_digest(content, "sha256").hexdigest()
            whole.update(f"{path.name}\0{part}\n".encode())
        return whole.hexdigest()

    def read(self, table: str) -> RawTable:
        """Read one table: every cell as its exact text."""
        path, layout = self.tables[table]
        return read(path, layout)


def read_description(folder: Path) -> Mapping[str, Any]:
    """The fields of ``contribution.yaml``, as they stand."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ContributionFault(
            folder, "is absent; `haemony contribution draft FILES -o DIR` writes a first one"
        )
    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        raise ContributionFault(folder, f"is not valid YAML{where}; check indentation") from fault
    if not isinstance(description, dict):
        raise ContributionFault(folder, "holds no fields; see docs/reference/contribution.md")
    return description


def say_cause(fault: Exception) -> str:
    """What about a field cannot be understood, in words."""
    if isinstance(fault, KeyError):
        return f"the field {fault.args[0]!r} is absent"
    return str(fault)


def inside(folder: Path, name: object) -> Path:
    """A file of the contribution; nothing outside its folder can be named."""
    path = folder / str(name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{str(name)!r} lies outside the folder of the data; put it inside")
    return path


def one_of(kind: type[Choice], value: object, field: str) -> Choice:
    """A value of a closed list; the error names the field and the list."""
    try:
        return kind(str(value))
    except ValueError:
        raise ValueError(f"{field} is {value!r} and takes one of: {', '.join(kind)}") from None


def dictionary_of(folder: Path) -> Dictionary:
    """The dictionary that lies in a folder.

    Raises:
        ContributionFault: When there is none.
        DictionaryFault: When it cannot be understood.
    """
    return read_dictionary(_dictionary_file(folder))


def _dictionary_file(folder: Path) -> Path:
    for name in DICTIONARIES:
        if (folder / name).is_file():
            return folder / name
    raise ContributionFault(folder, f"no {' or '.join(DICTIONARIES)} beside it")


def _contribution(given: Mapping[str, Any], folder: Path, data: Path) -> Contribution:
    identifier = str(given["id"])
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,62}", identifier):
        raise ValueError("id takes lower-case letters, digits, '-', '_' and '.', at most 63")
    timeline = given["timeline"]
    tables = {
        name: (inside(data, spec["file"]), _layout(spec)) for name, spec in given["tables"].items()
    }
    patients = str(given["patients"])
    if patients not in tables:
        raise ValueError(f"patients names the table {patients!r}, which `tables` does not list")
    return Contribution(
        id=identifier,
        title=str(given["title"]),
        partner=str(given["partner"]),
        contact=str(given["contact"]),
        disease=str(given["disease"]),
        source=one_of(SourceKind, given["source"], "source"),
        cut_off=str(given.get("data_cut_off", "not stated")),
        conditions=tuple(map(str, given["conditions_of_use"])),
        in_silico=bool(given.get("in_silico", False)),
        origin=one_of(Origin, timeline["origin"], "timeline.origin"),
        origin_column=str(timeline.get("column", "")),
        patients=patients,
        tables=tables,
        assays=tuple(
            Assay(
                str(assay["name"]),
                str(assay["method"]),
                str(assay["calls"]),
                str(assay["tested"]),
                tuple(map(str, assay["genes"])),
            )
            for assay in given.get("assays", ())
        ),
        attachments=tuple(
            Attachment(inside(data, item["file"]), str(item["kind"]), str(item.get("about", "")))
            for item in given.get("attachments", ())
        ),
        dictionary=dictionary_of(folder),
        folder=folder,
        data=data,
        samples=str(given.get("rows", "patients")) == "samples",
        diagnosis=str(given.get("diagnosis", "")),
        expression=_expression(given["expression"], data) if given.get("expression") else None,
        segments=_segments(given["segments"], data) if given.get("segments") else None,
    )


def _layout(given: Mapping[str, Any]) -> Layout | None:
    return Layout(**given["layout"]) if given.get("layout") else None


def _expression(given: Mapping[str, Any], data: Path) -> ExpressionFile:
    about = given.get("annotation")
    orientation = one_of(Orientation, given["orientation"], "expression.orientation")
    if orientation is Orientation.SAMPLES_IN_ROWS and not given.get("columns"):
        raise ValueError(
            "expression.columns names the columns of values where samples are in rows: what it "
            "does not name stays at the partner"
        )
    return ExpressionFile(
        path=inside(data, given["file"]),
        layout=_layout(given),
        orientation=orientation,
        scale=one_of(Scale, given["scale"], "expression.scale"),
        names=str(given.get("names", "")),
        columns=patterns(given.get("columns")),
        samples=_sample_names(given),
        annotation=Annotation(
            inside(data, about["file"]), str(about["probe"]), str(about["symbol"])
        )
        if about
        else None,
    )


def _segments(given: Mapping[str, Any], data: Path) -> SegmentFile:
    columns = {str(name): str(column) for name, column in given.get("columns", {}).items()}
    if not columns.keys() <= set(COLUMNS):
        raise ValueError(f"segments.columns takes: {', '.join(COLUMNS)}")
    return SegmentFile(
        path=inside(data, given["file"]),
        layout=_layout(given),
        measure=one_of(Measure, given["measure"], "segments.measure"),
        assembly=assembly_of(str(given["assembly"])) or str(given["assembly"]),
        counting=one_of(Counting, given.get("counting", Counting.FROM_1), "segments.counting"),
        columns=columns,
        samples=_sample_names(given),
    )


def _sample_names(given: Mapping[str, Any]) -> SampleNames | None:
    names = given.get("samples")
    return SampleNames(str(names["table"]), str(names["column"])) if names else None
