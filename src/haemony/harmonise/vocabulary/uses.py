"""Where the catalogue uses which concept: derived from the elements and the way they are written.

Nothing here lists elements. The installed diseases say which concepts there are, the CDM's
declarations say which domain each field expects, and :mod:`haemony.harmonise.omop.concepts` says
what the way of writing adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from haemony.harmonise.omop import concepts
from haemony.harmonise.omop.cdm import Field, tables
from haemony.model.disease import Disease, disease, installed
from haemony.model.element import LOCAL_CONCEPTS, Element


@dataclass(frozen=True, slots=True)
class Use:
    """One place in which a concept is used.

    Attributes:
        concept_id: The concept.
        label: What it means, in our words.
        definition: The definition of the element; empty for values and structure.
        element: The element; empty for the structure every release has.
        value: The permitted value that it stands for; empty for the element itself.
        table: The table it is written to.
        field: The field that takes it; empty where the catalogue only names the concept.
    """

    concept_id: int
    label: str
    definition: str
    element: str
    value: str
    table: str
    field: str

    @property
    def is_local(self) -> bool:
        """Whether the id is one of ours."""
        return self.concept_id >= LOCAL_CONCEPTS

    @property
    def place(self) -> str:
        """Table and field in one word; empty where nothing is written."""
        return f"{self.table}.{self.field}" if self.field else ""

    @property
    def who(self) -> str:
        """The element and value in one phrase."""
        return f"{self.element} = {self.value}" if self.value else self.element or "every release"


def uses(known: Iterable[Disease] | None = None) -> tuple[Use, ...]:
    """Every use of a concept, each once, sorted.

    Args:
        known: The diseases to ask; all that are installed unless given.

    Example:
        >>> {use.place for use in uses() if use.who == "sex = female"}
        {'person.gender_concept_id'}
    """
    return _installed_uses() if known is None else _uses(known)


@cache
def _installed_uses() -> tuple[Use, ...]:
    return _uses(map(disease, installed()))


def _uses(known: Iterable[Disease]) -> tuple[Use, ...]:
    found = {use for one in known for use in _of_disease(one)} | set(_structure())
    named = {use.concept_id for use in found}
    rest = {i: label for i, label in concepts.LABELS.items() if i not in named}
    found |= {Use(i, label, "", "", "", "", "") for i, label in rest.items()}
    return tuple(sorted((use for use in found if use.concept_id), key=_order))


def _order(use: Use) -> tuple[int, str, str, str]:
    return use.concept_id, use.element, use.value, use.place


def _of_disease(known: Disease) -> Iterator[Use]:
    for element in known.catalogue.values():
        yield _use(element, element.concept_id, element.label, "", main_field(element.table))
        if element.unit_concept_id:
            label = concepts.LABELS.get(element.unit_concept_id, element.unit)
            table = element.table if _field(element.table, "unit_concept_id") else ""
            field = "unit_concept_id" if table else ""
            yield Use(element.unit_concept_id, label, "", f"unit {element.unit}", "", table, field)
        for value in element.values:
            yield _use(element, value.concept_id, value.label, value.code, _value_field(element))


def _use(element: Element, concept: int, label: str, value: str, field: str) -> Use:
    definition = "" if value else element.definition
    return Use(concept, label, definition, element.name, value, element.table, field)


def _value_field(element: Element) -> str:
    """Where the value of a category is written; the subtype of a dated event is its source."""
    if element.table == "episode":
        return "episode_source_concept_id"
    return element.field if element.field.endswith("_concept_id") else ""


def main_field(table: str) -> str:
    """The field of a table that says what its rows are about; empty where it has none.

    Example:
        >>> main_field("procedure_occurrence")
        'procedure_concept_id'
    """
    for stem in (table, table.rpartition("_")[0]):
        if stem and _field(table, f"{stem}_concept_id"):
            return f"{stem}_concept_id"
    return ""


def _field(table: str, name: str) -> Field | None:
    declared = tables().get(table)
    fields = declared.fields if declared else ()
    return next((field for field in fields if field.name == name), None)


def _structure() -> Iterator[Use]:
    """The concepts that every release has, whatever its elements."""
    placed: list[tuple[int, str, str]] = [
        *((i, "measurement", "value_as_concept_id") for i in concepts.FINDING.values()),
        *((i, "measurement", "measurement_concept_id") for i in concepts.ASSAYS.values()),
        *((i, "measurement", "measurement_concept_id") for i in _VARIANT_ROWS),
        (concepts.PERCENT, "measurement", "unit_concept_id"),
        (concepts.MEASUREMENT_ID, "measurement", "meas_event_field_concept_id"),
        (concepts.CONDITION_ID, "episode_event", "episode_event_field_concept_id"),
        (concepts.TIME_ORIGIN, "observation", "observation_concept_id"),
        *((i, "observation", "value_as_concept_id") for i in concepts.ORIGINS.values()),
        *((i, "measurement", "measurement_type_concept_id") for i in concepts.TYPES.values()),
        (concepts.EPISODE_TYPE, "episode", "episode_type_concept_id"),
        (concepts.DERIVED_PERIOD, "observation_period", "period_type_concept_id"),
        (concepts.STATUS_UNKNOWN, "observation_period", "period_type_concept_id"),
    ]
    for concept, table, field in placed:
        yield Use(concept, concepts.LABELS.get(concept, ""), "", "", "", table, field)


_VARIANT_ROWS = (concepts.VARIANT, concepts.ALLELE_FRACTION, concepts.DEPTH)


def expected_domains(use: Use) -> frozenset[str]:
    """The domains that a concept may have where it is used; empty where any will do.

    The CDM's declarations say so for most fields. An episode of a disease has a condition as its
    object, which the specification of 5.4 allows in its text and forgets in its table.

    Example:
        >>> [expected_domains(use) for use in uses() if use.concept_id == 9448]
        [frozenset({'Unit'})]
    """
    field = _field(use.table, use.field)
    if field is None:
        return frozenset()
    declared = field.domain or _DOMAINS.get(field.name, "")
    domains = {domain.strip() for domain in declared.split(",") if domain.strip()}
    return frozenset(domains | _ALSO.get(field.name, frozenset()))


_DOMAINS = {"meas_event_field_concept_id": "Metadata", "obs_event_field_concept_id": "Metadata"}
_ALSO = {"episode_object_concept_id": frozenset({"Condition"})}

OWN_TABLE = {
    "Condition": "condition_occurrence",
    "Device": "device_exposure",
    "Drug": "drug_exposure",
    "Measurement": "measurement",
    "Procedure": "procedure_occurrence",
    "Visit": "visit_occurrence",
    "Specimen": "specimen",
    "Episode": "episode",
}
"""Domains that have a table of their own: their concepts are never an observation."""
