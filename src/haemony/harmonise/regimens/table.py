"""The rules as tables: which drugs there are, and which of them make which regimen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

from haemony.model.disease import disease
from haemony.model.tables import TableSlip, rows

BLOOD, DRUG = "blood", "drug"
EVERY_DISEASE = frozenset({"", BLOOD, "paediatric"})
"""Codes under which any regimen may be met."""


class Role(StrEnum):
    """What a drug does for a line of treatment."""

    ANTICANCER = "anticancer"
    STEROID = "steroid"
    CYTOREDUCTION = "cytoreduction"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One drug substance.

    Attributes:
        name: Its INN.
        role: What it does for a line: anticancer drugs make one, the others only belong to it.
        conditioning: Whether it is given around transplants.
    """

    name: str
    role: Role
    conditioning: bool


@dataclass(frozen=True, slots=True)
class Regimen:
    """One regimen, as a line of ``regimens.csv``.

    Attributes:
        name: What haematologists call it.
        diseases: Codes of the diseases it is given for.
        required: Its ingredients; of each group any one.
        optional: What may be added without making it another regimen.
        forbidden: What makes it another regimen.
        maintenance: What may follow it in the same line.
        window_days: Its ingredients start within so many days of the first of them.
        gap_days: A longer time without its drugs ends the line.
        source: Where it is known from, in words.
        own: Everything that can be given in it, maintenance apart.
    """

    name: str
    diseases: frozenset[str]
    required: tuple[frozenset[str], ...]
    optional: frozenset[str]
    forbidden: frozenset[str]
    maintenance: frozenset[str]
    window_days: int
    gap_days: int
    source: str
    own: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", self.optional.union(*self.required))

    def suits(self, disease: str) -> bool:
        """Whether it is given for a disease, by its code."""
        return disease in EVERY_DISEASE or disease in self.diseases


@dataclass(frozen=True, slots=True)
class Match:
    """A regimen that some drugs make.

    Attributes:
        regimen: The regimen.
        absent: Steroids that it asks for and that no row names.
    """

    regimen: Regimen
    absent: tuple[str, ...]


@cache
def ingredients() -> Mapping[str, Ingredient]:
    """The drugs by INN, by every other name they go by, and by concept id as text.

    The concepts are those of the element ``drug``.

    Raises:
        TableSlip: When two drugs share a name.

    Example:
        >>> ingredients()["hydroxyurea"].name, ingredients()["1311078"].name
        ('hydroxycarbamide', 'cytarabine')
    """
    known: dict[str, Ingredient] = {}
    concepts = {
        value.code: str(value.concept_id) for value in disease(BLOOD).catalogue[DRUG].values
    }
    for line, row in rows(files("haemony.harmonise.regimens") / "ingredients.csv"):
        one = Ingredient(row["ingredient"], Role(row["role"]), row["conditioning"] == "yes")
        for name in filter(None, (one.name, *row["also_called"].split("|"), concepts[one.name])):
            if name in known:
                raise TableSlip("ingredients.csv", line, f"{name!r} is named twice")
            known[name] = one
    return known


@cache
def regimens() -> tuple[Regimen, ...]:
    """Every regimen, in the order of the table.

    Raises:
        TableSlip: When a line names a drug that ``ingredients.csv`` does not have.

    Example:
        >>> [one.name for one in regimens() if one.name.startswith("FLAG")]
        ['FLAG-Ida', 'FLAG-Ida-venetoclax', 'FLAG']
    """
    known = ingredients()
    found = []
    for line, row in rows(files("haemony.harmonise.regimens") / "regimens.csv"):
        one = Regimen(
            row["regimen"],
            frozenset(row["diseases"].split()),
            tuple(frozenset(group.split("/")) for group in row["required"].split("|")),
            _names(row["optional"]),
            _names(row["forbidden"]),
            _names(row["maintenance"]),
            int(row["window_days"]),
            int(row["gap_days"]),
            row["source"],
        )
        named = one.own | one.forbidden | one.maintenance
        if strange := sorted(name for name in named if name not in known):
            raise TableSlip("regimens.csv", line, f"no ingredient is called {', '.join(strange)}")
        found.append(one)
    return tuple(found)


def _names(cell: str) -> frozenset[str]:
    return frozenset(filter(None, cell.split("|")))


def match(starts: Mapping[str, int], disease: str = "") -> Match | None:
    """The regimen that drugs make; the one that asks for most of them where several do.

    Steroids are written down so rarely that a regimen is recognised without them; what is absent is
    said. Drugs that a regimen does not know make another one, or none.

    Args:
        starts: The first day of each drug.
        disease: Code of the disease; any regimen unless given.

    Example:
        >>> match({"cytarabine": 0, "daunorubicin": 1}).regimen.name
        '7+3'
        >>> match({"cytarabine": 0, "ibrutinib": 1}) is None
        True
    """
    best: tuple[tuple[int, int, int], Match] | None = None
    drugs = frozenset(starts)
    others = drugs - _steroids()
    first = min((starts[name] for name in others), default=0)
    for regimen in _suiting(disease):
        if others - regimen.own or drugs & regimen.forbidden:
            continue
        near = frozenset(n for n in drugs if starts[n] - first <= regimen.window_days)
        absent = tuple(group for group in regimen.required if not group & near)
        if any(group - _steroids() for group in absent):
            continue
        taken = len(regimen.optional & drugs)
        rank = (len(regimen.required) - len(absent), -len(absent), -taken)
        if best is None or rank > best[0]:
            best = rank, Match(regimen, tuple(" or ".join(sorted(group)) for group in absent))
    return best[1] if best else None


@cache
def _suiting(disease: str) -> tuple[Regimen, ...]:
    return tuple(regimen for regimen in regimens() if regimen.suits(disease))


@cache
def _steroids() -> frozenset[str]:
    return frozenset(one.name for one in ingredients().values() if one.role is Role.STEROID)
