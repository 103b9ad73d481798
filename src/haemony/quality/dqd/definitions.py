"""Which checks there are: 27 types, and every table, field and concept they are asked of.

What the CDM's own declarations imply (fields that must be there, required fields, keys) follows
from them. ``rules.csv`` and ``concepts.csv`` hold the rest, ``differences.csv`` the few fields
about which the R package's list says something else than the CDM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from haemony.harmonise.omop.cdm import Table
from haemony.harmonise.omop.cdm import tables as declared
from haemony.model.tables import rows

VOCABULARY = frozenset(
    {
        "concept",
        "vocabulary",
        "domain",
        "concept_class",
        "concept_relationship",
        "relationship",
        "concept_synonym",
        "concept_ancestor",
    }
)
"""Tables of the vocabulary: read by checks, not checked themselves."""

_CHECKED = ("cdm", "vocab", "results")
_RESERVED = '"offset"'


class Level(StrEnum):
    """What a check is asked of."""

    TABLE = "TABLE"
    FIELD = "FIELD"
    CONCEPT = "CONCEPT"


class Severity(StrEnum):
    """How much a failure matters, in the words of the R package."""

    FATAL = "fatal"
    CONVENTION = "convention"
    CHARACTERIZATION = "characterization"


@dataclass(frozen=True, slots=True)
class CheckType:
    """One kind of check.

    Attributes:
        name: As the R package has it.
        level: What it is asked of.
        context: Verification, or validation against what is known from outside.
        category: Conformance, completeness or plausibility (Kahn et al., eGEMs 2016;4:1244).
        subcategory: A finer name within the category; may be empty.
        severity: How much a failure matters.
        title: The truth it asks for, of any table.
        asks: The same with places for table, field and argument.
        question: What a partner is asked when it fails.
    """

    name: str
    level: Level
    context: str
    category: str
    subcategory: str
    severity: Severity
    title: str
    asks: str
    question: str


@dataclass(frozen=True, slots=True)
class Check:
    """One check type, asked of one table, field or concept.

    Attributes:
        type: What is asked.
        table: Of which table.
        field: Of which field; empty for a whole table.
        concepts: Of which concepts; empty but for checks of concepts.
        argument: What else must be known: a bound, a domain, another field.
        threshold: Largest share that may break it, in percent; none means that no row may.
    """

    type: CheckType
    table: str
    field: str = ""
    concepts: tuple[int, ...] = ()
    argument: str = ""
    threshold: float | None = None

    @property
    def id(self) -> str:
        """The name of the check in the R package: level, type, table, field and concepts.

        Example:
            >>> next(c.id for c in checks() if c.field == "year_of_birth")
            'field_cdmfield_person_year_of_birth'
        """
        parts = (self.type.level, self.type.name, self.table, self.field, self.concept_text)
        return "_".join(part.lower() for part in parts if part)

    @property
    def concept_text(self) -> str:
        """The concepts, with commas between them."""
        return ",".join(map(str, self.concepts))

    @property
    def reference(self) -> tuple[str, str]:
        """The table and field that a foreign key points to."""
        target, _, key = self.argument.partition(".")
        return target, key

    @property
    def asks(self) -> str:
        """What the check asks for, in a sentence without its full stop."""
        return self.type.asks.format(**self.words)

    @property
    def words(self) -> dict[str, str]:
        """What stands in the places of a sentence."""
        return {
            "table": self.table,
            "field": self.field,
            "concepts": self.concept_text.replace(",", ", "),
            "argument": self._argument,
        }

    @property
    def _argument(self) -> str:
        if self.type.name == "plausibleUnitConceptIds":
            units = self.argument.split()
            return ", ".join("no unit" if unit == NO_UNIT else unit for unit in units)
        return _SPOKEN.get(self.argument, self.argument)


_SPOKEN = {"next year": "the coming year", "person.birth_datetime": "birth"}

NO_UNIT = "-1"
"""Stands among plausible units for none at all."""


@cache
def types() -> dict[str, CheckType]:
    """The check types by name, in the order of the report.

    Example:
        >>> len(types())
        27
    """
    return {
        row["check"]: CheckType(
            row["check"],
            Level(row["level"]),
            row["context"],
            row["category"],
            row["subcategory"],
            Severity(row["severity"]),
            row["title"],
            row["asks"],
            row["question"],
        )
        for _, row in rows(files("haemony.quality.dqd") / "checks.csv")
    }


@cache
def checks() -> tuple[Check, ...]:
    """Every check, by type, then in the order of the CDM's tables and fields."""
    every = [*_implied(), *_ruled(), *_of_concepts()]
    left_out = {(check, table, field) for check, table, field, _ in _differences("leave out")}
    kept = [c for c in every if (c.type.name, c.table, c.field) not in left_out]
    kept += [
        Check(types()[check], table, field, argument=argument, threshold=0)
        for check, table, field, argument in _differences("add")
    ]
    order = {name: place for place, name in enumerate(types())}
    places = {
        (table.name, field): place
        for table in checked()
        for place, field in enumerate(("", *(f.name for f in table.fields)))
    }
    names = {table.name: place for place, table in enumerate(checked())}
    return tuple(
        sorted(
            kept,
            key=lambda c: (
                order[c.type.name],
                names[c.table],
                places[c.table, c.field],
                c.concepts,
            ),
        )
    )


@cache
def checked() -> tuple[Table, ...]:
    """The tables that are checked: those of the CDM, but for the vocabulary's own."""
    return tuple(
        table
        for table in declared().values()
        if table.schema_name in _CHECKED and table.name not in VOCABULARY
    )


def _implied() -> Iterator[Check]:
    """What the declarations of the CDM ask for."""
    kind = types()
    for table in checked():
        yield Check(kind["cdmTable"], table.name)
        for field in table.fields:
            if field.name == _RESERVED:
                continue
            most = 0.0 if field.required else 100.0
            yield Check(kind["cdmField"], table.name, field.name)
            yield Check(kind["measureValueCompleteness"], table.name, field.name, threshold=most)
            if field.required:
                yield Check(kind["isRequired"], table.name, field.name, threshold=0)
            if field.datatype == "integer":
                yield Check(kind["cdmDatatype"], table.name, field.name, threshold=0)
            if field.primary_key:
                yield Check(kind["isPrimaryKey"], table.name, field.name, threshold=0)
            if field.references:
                target = ".".join(field.references)
                yield Check(kind["isForeignKey"], table.name, field.name, (), target, 0)


def _ruled() -> Iterator[Check]:
    for _, row in rows(files("haemony.quality.dqd") / "rules.csv"):
        most = float(row["threshold"]) if row["threshold"] else None
        yield Check(types()[row["check"]], row["table"], row["field"], (), row["argument"], most)


def _of_concepts() -> Iterator[Check]:
    for _, row in rows(files("haemony.quality.dqd") / "concepts.csv"):
        ids = tuple(map(int, row["concepts"].split()))
        most = float(row["threshold"])
        yield Check(types()[row["check"]], row["table"], row["field"], ids, row["argument"], most)


def _differences(what: str) -> Iterator[tuple[str, str, str, str]]:
    for _, row in rows(files("haemony.quality.dqd") / "differences.csv"):
        if row["what"] == what:
            yield row["check"], row["table"], row["field"], row["argument"]
