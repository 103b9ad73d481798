"""What every check of a field or a concept counts: the rows that break it, of which rows.

One function per kind of check, as the R package's queries have it (version 2.8): a comparison with
an empty cell is never broken, and who is judged depends on the check. All conditions of a table are
counted in one pass over it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from haemony.harmonise.omop.concepts import NO_CONCEPT
from haemony.quality.dqd.definitions import NO_UNIT, Check
from haemony.quality.dqd.surroundings import (
    ARRIVED,
    BORN,
    DEAD,
    DIED,
    LEFT,
    MIDYEAR,
    SEX,
    VISITED,
    Surroundings,
)
from haemony.quality.dqd.views import View, not_whole

AFTER_DEATH = timedelta(days=60)
AROUND_VISIT = timedelta(days=7)
SORTED_AT_ONCE = 16_000_000
"""Keys that are sorted at once; more would need memory in proportion."""

SEXES = {"male": 8507, "female": 8532}


@dataclass(frozen=True)
class Condition:
    """How a check counts.

    Attributes:
        broken: Whether a row breaks it; a number where a row counts more than once.
        judged: Whether a row is judged, in the same way; none means that every row is.
        values: The field whose distinct values are counted instead of rows, if any.
    """

    broken: pl.Expr
    judged: pl.Expr | None = None
    values: pl.Expr | None = None

    @property
    def count(self) -> pl.Expr:
        """How many break it."""
        if self.values is not None:
            return self.values.filter(self.broken).n_unique()
        return self.broken.sum()

    @property
    def total(self) -> pl.Expr:
        """How many are judged."""
        if self.values is not None:
            return self.values.n_unique()
        return pl.len() if self.judged is None else self.judged.sum()


def condition(check: Check, view: View, around: Surroundings) -> Condition:
    """How a check of a field or of concepts counts on a table that has what it needs."""
    return _CONDITIONS[check.type.name](check, view, around)


def _empty(check: Check, _view: View, _around: Surroundings) -> Condition:
    return Condition(pl.col(check.field).is_null())


def _datatype(check: Check, view: View, _around: Surroundings) -> Condition:
    return Condition(not_whole(check.field, view.schema[check.field]))


def _key(check: Check, view: View, _around: Surroundings) -> Condition:
    """Rows that share their key with another."""
    return Condition(_among(view.value(check.field), _repeated(check.field, view)))


def _repeated(field: str, view: View) -> pl.Series:
    """Keys of more than one row: sorted they lie side by side, part by part to spare memory."""
    parts = max(1, -(-view.rows // SORTED_AT_ONCE))
    key = view.value(field).alias(field)
    found = [pl.Series(field, [], pl.Int64)]
    for part in range(parts):
        mine = (pl.col(field) % parts + parts) % parts == part
        keys = view.frame.select(key).filter(mine).collect(engine="streaming")[field].sort()
        found.append(keys.filter(keys == keys.shift(1)).unique())
    return pl.concat(found)


def _reference(check: Check, view: View, around: Surroundings) -> Condition:
    values = around.values[check.table, check.field]
    lost = values.filter(~values.is_in(around.keys(*check.reference).implode()))
    return Condition(_among(view.value(check.field), lost))


def _domain(check: Check, view: View, around: Surroundings) -> Condition:
    wrong = pl.col("domain_id") != check.argument
    return _of_concepts(check, view, around, wrong, None)


def _class(check: Check, view: View, around: Surroundings) -> Condition:
    wrong = pl.col("concept_class_id") != check.argument
    return _of_concepts(check, view, around, wrong, None)


def _standard(check: Check, view: View, around: Surroundings) -> Condition:
    standard = (pl.col("standard_concept") == "S").fill_null(value=False)
    wrong = ~standard | pl.col("invalid_reason").is_not_null()
    judged = pl.col(check.field).is_not_null()
    return _of_concepts(check, view, around, wrong, judged)


def _of_concepts(
    check: Check, view: View, around: Surroundings, wrong: pl.Expr, judged: pl.Expr | None
) -> Condition:
    real = pl.col("concept_id") != NO_CONCEPT
    concepts = around.concepts.filter(real & wrong)["concept_id"]
    used = around.values[check.table, check.field]
    return Condition(
        _among(view.value(check.field), used.filter(used.is_in(concepts.implode()))), judged
    )


def _mapped(check: Check, view: View, _around: Surroundings) -> Condition:
    """0, or nothing where the source said something (if the field may be empty at all)."""
    value, given = view.value(check.field), pl.col(check.field).is_not_null()
    if not check.argument:
        return Condition(value == NO_CONCEPT, given)
    said = pl.col(check.argument).is_not_null()
    return Condition((value == NO_CONCEPT).fill_null(value=False) | (~given & said), given | said)


def _source_values(check: Check, view: View, _around: Surroundings) -> Condition:
    unmapped = (view.value(check.argument) == NO_CONCEPT).fill_null(value=False)
    return Condition(unmapped, values=pl.col(check.field))


def _low(check: Check, view: View, around: Surroundings) -> Condition:
    return Condition(view.value(check.field) < _bound(check, around), _given(check))


def _high(check: Check, view: View, around: Surroundings) -> Condition:
    return Condition(view.value(check.field) > _bound(check, around), _given(check))


def _given(check: Check) -> pl.Expr:
    return pl.col(check.field).is_not_null()


def _bound(check: Check, around: Surroundings) -> pl.Expr:
    if check.argument == "tomorrow":
        return pl.lit(around.today + timedelta(days=1))
    if check.argument == "next year":
        return pl.lit(around.today.year + 1)
    if "-" in check.argument:
        return pl.lit(date.fromisoformat(check.argument))
    return pl.lit(float(check.argument))


def _order(check: Check, view: View, _around: Surroundings) -> Condition:
    before = pl.col(MIDYEAR) if check.argument in BIRTH else view.value(check.argument)
    return Condition(before > view.value(check.field))


def _during_life(check: Check, view: View, _around: Surroundings) -> Condition:
    late = view.value(check.field) > pl.col(DIED) + AFTER_DEATH
    return Condition(late, pl.col(DEAD))


def _before_death(check: Check, view: View, _around: Surroundings) -> Condition:
    late = view.value(check.field) > pl.col(DIED) + AFTER_DEATH
    return Condition(late, pl.col(DEAD) & _given(check))


def _after_birth(check: Check, view: View, _around: Surroundings) -> Condition:
    return Condition(view.value(check.field) < pl.col(BORN), _given(check))


def _within_visit(check: Check, view: View, _around: Surroundings) -> Condition:
    day = view.value(check.field)
    early, late = day < pl.col(ARRIVED) - AROUND_VISIT, day > pl.col(LEFT) + AROUND_VISIT
    return Condition(early | late, pl.col(VISITED))


def _start_end(check: Check, view: View, _around: Surroundings) -> Condition:
    both = _given(check) & pl.col(check.argument).is_not_null()
    return Condition(view.value(check.field) > view.value(check.argument), both)


def _sex(check: Check, view: View, _around: Surroundings) -> Condition:
    concerned = view.value(check.field) == check.concepts[0]
    return Condition(concerned & (pl.col(SEX) != SEXES[check.argument]), concerned)


def _sex_below(check: Check, view: View, around: Surroundings) -> Condition:
    """A row counts once for each of the concepts that it lies below, as in the R package."""
    below = around.ancestors.filter(pl.col("above").is_in(check.concepts))
    times = below.group_by("concept").len().sort("concept")
    weight = view.value(check.field).replace_strict(
        times["concept"], times["len"].cast(pl.Int64), default=0, return_dtype=pl.Int64
    )
    other = pl.col(SEX) != SEXES[check.argument]
    return Condition(pl.when(other).then(weight).otherwise(0), weight)


def _unit(check: Check, view: View, _around: Surroundings) -> Condition:
    """No unit at all breaks nothing; 0 is left to standardConceptRecordCompleteness."""
    concerned = view.value(check.field) == check.concepts[0]
    unit = view.value("unit_concept_id")
    fitting = [int(one) for one in check.argument.split() if one != NO_UNIT]
    known = (unit != NO_CONCEPT).fill_null(value=True)
    strange = ~unit.is_in([*fitting, NO_CONCEPT])
    return Condition(concerned & strange, concerned & known)


def _among(value: pl.Expr, values: pl.Series) -> pl.Expr:
    return value.is_in(values.sort().implode()) if values.len() else pl.lit(value=False)


BIRTH = {"person.birth_datetime"}

_CONDITIONS: Mapping[str, Callable[[Check, View, Surroundings], Condition]] = {
    "isRequired": _empty,
    "cdmDatatype": _datatype,
    "isPrimaryKey": _key,
    "isForeignKey": _reference,
    "fkDomain": _domain,
    "fkClass": _class,
    "isStandardValidConcept": _standard,
    "measureValueCompleteness": _empty,
    "standardConceptRecordCompleteness": _mapped,
    "sourceConceptRecordCompleteness": _mapped,
    "sourceValueCompleteness": _source_values,
    "plausibleValueLow": _low,
    "plausibleValueHigh": _high,
    "plausibleTemporalAfter": _order,
    "plausibleDuringLife": _during_life,
    "withinVisitDates": _within_visit,
    "plausibleAfterBirth": _after_birth,
    "plausibleBeforeDeath": _before_death,
    "plausibleStartBeforeEnd": _start_end,
    "plausibleGender": _sex,
    "plausibleGenderUseDescendants": _sex_below,
    "plausibleUnitConceptIds": _unit,
}

OF_LIVES = frozenset(
    {
        "plausibleTemporalAfter",
        "plausibleDuringLife",
        "plausibleAfterBirth",
        "plausibleBeforeDeath",
        "plausibleGender",
        "plausibleGenderUseDescendants",
    }
)
"""Checks that look at birth, sex or death beside a table's own rows."""
