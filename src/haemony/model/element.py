"""The element catalogue: every thing haematologists record, defined once.

An :class:`Element` is one row of ``elements.csv``: *white cell count at diagnosis*, *NPM1
mutation*, *complete remission*. From that row follow what a dictionary may map to, unit
conversion, plausibility, privacy treatment, the OMOP rows written and the way back, labels, and
the column a statistician gets. Genes are elements too, one per row of ``genes.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from importlib.resources.abc import Traversable

from haemony.model.errors import UsageError
from haemony.model.tables import TableSlip, rows

LOCAL_CONCEPTS = 2_000_000_000
"""OMOP reserves concept ids from here on for concepts without a standard one."""


class ValueType(StrEnum):
    """What kind of value an element holds."""

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"
    FINDING = "finding"
    DAY = "day"
    TEXT = "text"

    @property
    def is_numeric(self) -> bool:
        """Whether values are kept as numbers (days count from the time origin)."""
        return self in {ValueType.NUMBER, ValueType.INTEGER, ValueType.DAY}


class Finding(StrEnum):
    """The two results of a test; a test that was not done has no finding at all."""

    NEGATIVE = "negative"
    POSITIVE = "positive"


class Identifying(StrEnum):
    """What an element gives away about who the patient is."""

    PATIENT = "patient"
    QUASI = "quasi-identifier"
    SENSITIVE = "sensitive"
    OTHER = "other"


class UnknownElement(UsageError):
    """A name that the catalogue does not hold."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        self.name, self.near = name, near
        hint = f"did you mean {', '.join(near)}?" if near else "list them with `haemony elements`"
        super().__init__(f"the catalogue holds no element {name!r}; {hint}")


@dataclass(frozen=True, slots=True)
class Value:
    """One permitted value of a category, with its OMOP concept."""

    code: str
    label: str
    concept_id: int


@dataclass(frozen=True, slots=True)
class Element:
    """One thing haematologists record, and how it is written in OMOP.

    Attributes:
        name: The identifier people type (``wbc``, ``NPM1``, ``relapse_day``).
        label: What charts and forms show.
        definition: One sentence a haematologist would sign.
        type: The kind of value.
        unit: The UCUM unit values are kept in; empty for values without one.
        units: Factor to ``unit`` for every unit a partner may use, ``unit`` itself included.
        low: Smallest plausible value, in ``unit``.
        high: Largest plausible value, in ``unit``.
        identifying: What it gives away about the patient.
        method: How a finding is tested (``sequencing``, ``karyotype``): names its assay row.
        table: The OMOP (or omics) table it is written to.
        field: The field of that table that takes the value.
        concept_id: The OMOP concept of the row.
        unit_concept_id: The OMOP concept of ``unit``.
        from_variants: Rule that derives the finding from variant calls, or empty.
        from_karyotype: Rule that derives the finding from a karyotype, or empty.
        values: The permitted values of a category; of a dated event, its subtype.
    """

    name: str
    label: str
    definition: str
    type: ValueType
    unit: str
    units: Mapping[str, float]
    low: float | None
    high: float | None
    identifying: Identifying
    method: str
    table: str
    field: str
    concept_id: int
    unit_concept_id: int
    from_variants: str = ""
    from_karyotype: str = ""
    values: tuple[Value, ...] = ()

    @property
    def record(self) -> str:
        """The record this element is part of: elements of one record share one row."""
        return self.table if self.table in RECORD_TABLES else ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The permitted values, in their order; a finding has negative and positive."""
        if self.type is ValueType.FINDING:
            return tuple(finding.value for finding in Finding)
        if self.type is ValueType.CATEGORY:
            return tuple(value.code for value in self.values)
        return ()


RECORD_TABLES = {
    "procedure_occurrence": "transplant_day",
    "drug_exposure": "drug_day",
    "variant": "variant_gene",
    "karyotype": "karyotype_iscn",
}
"""Tables in which several elements of one source row make one row, and the one it cannot lack."""


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene: its approved HGNC symbol and the older ones partners still use."""

    symbol: str
    former: tuple[str, ...]
    concept_id: int


@dataclass(frozen=True)
class Catalogue(Mapping[str, Element]):
    """All elements of a disease, by name, in catalogue order."""

    elements: Mapping[str, Element]
    genes: Mapping[str, Gene] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Element:
        try:
            return self.elements[name]
        except KeyError:
            raise UnknownElement(name, self._near(name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self.elements

    def __iter__(self) -> Iterator[str]:
        return iter(self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def _near(self, name: str) -> tuple[str, ...]:
        return tuple(get_close_matches(name, self.elements, n=3))

    @cached_property
    def symbols(self) -> Mapping[str, str]:
        """The approved symbol for every approved and former one."""
        former = {old: gene.symbol for gene in self.genes.values() for old in gene.former}
        return former | {symbol: symbol for symbol in self.genes}

    @cached_property
    def concepts(self) -> Mapping[int, str]:
        """A label of our own for every concept the catalogue writes."""
        labels: dict[int, str] = {}
        for element in self.values():
            labels.setdefault(element.concept_id, element.label)
            for value in element.values:
                labels.setdefault(value.concept_id, value.label)
        labels.pop(0, None)
        return labels

    def of(self, table: str) -> tuple[Element, ...]:
        """The elements written to one table, in catalogue order."""
        return tuple(element for element in self.values() if element.table == table)


def load_catalogue(*folders: Traversable) -> Catalogue:
    """Read ``elements.csv``, ``values.csv`` and ``genes.csv`` of each folder into one catalogue.

    Args:
        folders: Catalogue folders, shared ones first; a name may be defined only once.

    Raises:
        TableSlip: When a line contradicts another or cannot be understood.
    """
    units = {row["unit"]: int(row["concept_id"]) for row in _all(folders, "units.csv")}
    values: dict[str, list[Value]] = {}
    for row in _all(folders, "values.csv"):
        value = Value(row["value"], row["label"], int(row["concept_id"]))
        values.setdefault(row["element"], []).append(value)
    elements: dict[str, Element] = {}
    genes: dict[str, Gene] = {}
    for folder in folders:
        for table, read in (("elements.csv", _element), ("genes.csv", _gene_finding)):
            for line, row in _rows(folder, table):
                try:
                    element = read(row, units, tuple(values.get(row.get("name", ""), ())))
                except (KeyError, ValueError) as slip:
                    raise TableSlip(table, line, f"cannot be understood ({slip})") from slip
                if element.name in elements:
                    raise TableSlip(table, line, f"{element.name!r} is defined twice")
                elements[element.name] = element
                if table == "genes.csv":
                    former = tuple(row["former_symbols"].split())
                    genes[element.name] = Gene(element.name, former, element.concept_id)
    return Catalogue(elements, genes)


def _rows(folder: Traversable, name: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    file = folder / name
    return rows(file) if file.is_file() else iter(())


def _all(folders: tuple[Traversable, ...], name: str) -> Iterator[Mapping[str, str]]:
    for folder in folders:
        for _, row in _rows(folder, name):
            yield row


def _number(text: str) -> float | None:
    return float(text) if text else None


def _units(row: Mapping[str, str]) -> dict[str, float]:
    factors = {row["unit"]: 1.0} if row["unit"] else {}
    for part in row["other_units"].split():
        unit, _, factor = part.rpartition("=")
        factors[unit] = float(factor)
    return factors


def _element(
    row: Mapping[str, str], units: Mapping[str, int], values: tuple[Value, ...]
) -> Element:
    return Element(
        name=row["name"],
        label=row["label"],
        definition=row["definition"],
        type=ValueType(row["type"]),
        unit=row["unit"],
        units=_units(row),
        low=_number(row["low"]),
        high=_number(row["high"]),
        identifying=Identifying(row["identifying"]),
        method=row["method"],
        table=row["table"],
        field=row["field"],
        concept_id=int(row["concept_id"]),
        unit_concept_id=units[row["unit"]] if row["unit"] else 0,
        from_variants=row["from_variants"],
        from_karyotype=row["from_karyotype"],
        values=values,
    )


def _gene_finding(
    row: Mapping[str, str], _units: Mapping[str, int], _values: tuple[Value, ...]
) -> Element:
    symbol = row["symbol"]
    return Element(
        name=symbol,
        label=f"{symbol} mutation",
        definition=f"Oncogenic or possibly oncogenic variant of {symbol}.",
        type=ValueType.FINDING,
        unit="",
        units={},
        low=None,
        high=None,
        identifying=Identifying.SENSITIVE,
        method="sequencing",
        table="measurement",
        field="value_as_concept_id",
        concept_id=int(row["concept_id"]),
        unit_concept_id=0,
        from_variants=row["from_variants"],
    )
