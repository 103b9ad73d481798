"""Which checks cannot be judged, and why: the R package's rules for *not applicable* and *error*.

A check of what is absent or empty says nothing about quality. One that lacks another table is an
error, as its query would be; but a vocabulary is often kept elsewhere, so what needs one is not
applicable without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from haemony.quality.dqd.conditions import BIRTH
from haemony.quality.dqd.definitions import VOCABULARY, Check, Level
from haemony.quality.dqd.surroundings import VISIT, Surroundings
from haemony.quality.dqd.views import PERSON

_OF_CONCEPTS = {"fkDomain", "fkClass", "isStandardValidConcept"}
_OF_DEATHS = {"plausibleDuringLife", "plausibleBeforeDeath"}
_OF_PERSONS = {"plausibleAfterBirth", "plausibleGender", "plausibleGenderUseDescendants"}
_OTHER_FIELD = {
    "standardConceptRecordCompleteness",
    "sourceConceptRecordCompleteness",
    "sourceValueCompleteness",
    "plausibleTemporalAfter",
    "plausibleStartBeforeEnd",
}
_OF_PRESENCE = {"cdmField", "measurePersonCompleteness"}
_OF_EMPTINESS = {"measureValueCompleteness", "isRequired"}


def not_applicable(check: Check, around: Surroundings) -> str:
    """Why a check says nothing about these tables; empty when it does say something."""
    name = check.type.name
    if name == "cdmTable":
        return ""
    if name == "measureConditionEraCompleteness":
        conditions = around.views.get("condition_occurrence")
        return "" if conditions and conditions.rows else "condition_occurrence has no rows"
    rules = _RULES[:1] if name in _OF_PRESENCE else _RULES
    return next((why for rule in rules if (why := rule(check, around))), "")


def _absent_table(check: Check, around: Surroundings) -> str:
    return "" if check.table in around.views else f"the table {check.table} is absent"


def _absent_field(check: Check, around: Surroundings) -> str:
    if check.field and check.field not in around.views[check.table].filled:
        return f"{check.table} has no field {check.field}"
    return ""


def _absent_vocabulary(check: Check, around: Surroundings) -> str:
    return next((f"it needs a vocabulary, and {why}" for why in _vocabulary(check, around)), "")


def _nothing_there(check: Check, around: Surroundings) -> str:
    """An error comes before emptiness, as in the R package."""
    view = around.views[check.table]
    if lacks(check, around):
        return ""
    if not view.rows:
        return f"{check.table} has no rows"
    if check.field and view.is_empty(check.field) and check.type.name not in _OF_EMPTINESS:
        return f"{check.field} of {check.table} has no value"
    return ""


_RULES = (_absent_table, _absent_field, _absent_vocabulary, _nothing_there)


def without_concept(check: Check, rows: int) -> str:
    """Why a check of concepts says nothing once its rows are counted: there are none."""
    if check.type.level is Level.CONCEPT and not rows:
        return f"no row of {check.table} has the concept {check.words['concepts']}"
    return ""


def lacks(check: Check, around: Surroundings) -> str:
    """Which other table or field a check cannot do without, if it is absent."""
    for table, field in _needs(check):
        view = around.views.get(table)
        if view is None:
            return f"it needs the table {table}, which is absent"
        if field not in view.filled:
            return f"it needs {field} of {table}, which is absent"
    return ""


def _vocabulary(check: Check, around: Surroundings) -> Iterator[str]:
    """What of a vocabulary is lacking."""
    name = check.type.name
    if name == "isForeignKey" and check.reference[0] in VOCABULARY - around.views.keys():
        yield f"the table {check.reference[0]} is absent"
    if name in _OF_CONCEPTS and not around.has_vocabulary:
        if "concept" in around.views:
            yield "no concept of the table concept is standard: it holds labels alone"
        else:
            yield "the table concept is absent"
    if name == "plausibleGenderUseDescendants" and "concept_ancestor" not in around.views:
        yield "the table concept_ancestor is absent"


def _needs(check: Check) -> Iterator[tuple[str, str]]:
    """Other fields that a check reads."""
    name = check.type.name
    if name == "measurePersonCompleteness":
        yield from ((table, PERSON) for table in ("person", check.table))
    elif name == "measureConditionEraCompleteness":
        yield check.table, PERSON
        yield "condition_occurrence", PERSON
        yield "condition_occurrence", "condition_concept_id"
    elif name == "measureObservationPeriodOverlap":
        yield check.table, PERSON
        yield from ((check.table, f"observation_period_{e}_date") for e in ("start", "end"))
    elif name == "isForeignKey" and check.reference[0] not in VOCABULARY:
        yield check.reference
    elif name == "withinVisitDates":
        yield check.table, VISIT
        yield from (("visit_occurrence", f) for f in (VISIT, "visit_start_date", "visit_end_date"))
    elif name in _OTHER_FIELD and check.argument and check.argument not in BIRTH:
        yield check.table, check.argument
    elif name == "plausibleUnitConceptIds":
        yield check.table, "unit_concept_id"
    elif name in _OF_DEATHS:
        yield check.table, PERSON
        yield from (("death", field) for field in (PERSON, "death_date"))
    elif name in _OF_PERSONS or check.argument in BIRTH:
        yield check.table, PERSON
        field = "gender_concept_id" if "Gender" in name else "year_of_birth"
        yield from (("person", known) for known in (PERSON, field))
