"""Counting: one pass over a table for every check, a second for those that some row breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from haemony.quality.dqd.conditions import OF_LIVES, Condition, condition
from haemony.quality.dqd.definitions import Check
from haemony.quality.dqd.surroundings import VISIT, Surroundings
from haemony.quality.dqd.views import PERSON, View

EXAMPLES = 3

Met = tuple[int | None, tuple[int, ...]]
"""Patients concerned, and example rows."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a check counted.

    Attributes:
        broken: Rows (or patients, or distinct values) that break it.
        rows: Of how many.
        patients: Patients whose rows break it; none where rows belong to nobody.
        examples: Keys of up to three rows that break it, each of another patient.
    """

    broken: int
    rows: int
    patients: int | None = None
    examples: tuple[int, ...] = ()


def tally(checks: Sequence[Check], view: View, around: Surroundings) -> dict[Check, Tally]:
    """Count every check of one table.

    Args:
        checks: Checks of fields and concepts of this table, each with all that it needs.
        view: The table.
        around: The other tables.
    """
    known = {check: found for check in checks if (found := _known(check, view, around))}
    open_ = [check for check in checks if check not in known or known[check][0]]
    conditions = {check: condition(check, view, around) for check in open_}
    unknown = {check: one for check, one in conditions.items() if check not in known}
    counted = known | _count(unknown, _with_surroundings(unknown, view, around))
    broken = {check: one for check, one in conditions.items() if counted[check][0]}
    met = _meet(broken, counted, view, _with_surroundings(broken, view, around))
    nobody: Met = (0 if view.has_persons else None, ())
    return {check: Tally(*counted[check], *met.get(check, nobody)) for check in checks}


def tally_persons(check: Check, around: Surroundings) -> Tally:
    """Count a check of a whole table: patients, not rows."""
    views = around.views
    if check.type.name == "measurePersonCompleteness":
        everybody = _persons_of(views["person"])
        return _without(everybody, _persons_of(views[check.table]), views["person"].rows)
    if check.type.name == "measureConditionEraCompleteness":
        view = views["condition_occurrence"]
        mapped = view.value("condition_concept_id") != 0
        ill = _persons_of(view, mapped)
        return _without(ill, _persons_of(views[check.table]), ill.len())
    return _overlapping(views[check.table])


def _persons_of(view: View, where: pl.Expr | None = None) -> pl.Series:
    rows = view.frame if where is None else view.frame.filter(where)
    persons = rows.select(view.value(PERSON).alias(PERSON)).unique()
    return persons.collect(engine="streaming")[PERSON].drop_nulls()


def _without(persons: pl.Series, others: pl.Series, rows: int) -> Tally:
    lost = persons.filter(~persons.is_in(others.implode())).sort()
    return Tally(lost.len(), rows, lost.len(), tuple(lost.head(EXAMPLES)))


def _overlapping(view: View) -> Tally:
    """Sorted by their start, a period overlaps or touches one before it, or none."""
    start, end = (view.value(f"observation_period_{edge}_date") for edge in ("start", "end"))
    periods = (
        view.frame.select(view.value(PERSON).alias(PERSON), start.alias("start"), end.alias("end"))
        .drop_nulls()
        .sort(PERSON, "start", "end")
        .with_columns(reach=pl.col("end").cum_max().shift(1).over(PERSON))
        .filter(pl.col("start") <= pl.col("reach") + pl.duration(days=1))
        .collect()
    )
    persons = periods[PERSON].unique().sort()
    count = _persons_of(view).len()
    return Tally(persons.len(), count, persons.len(), tuple(persons.head(EXAMPLES)))


def _known(check: Check, view: View, around: Surroundings) -> tuple[int, int] | None:
    """How many break a check and of how many, where that is known without a further pass."""
    if check.type.name in {"isRequired", "measureValueCompleteness"}:
        return view.rows - view.filled[check.field], view.rows
    if check.type.name == "cdmDatatype" and view.schema[check.field].is_integer():
        return 0, view.rows
    if check.type.name == "withinVisitDates" and view.is_empty(VISIT):
        return 0, 0
    if check.concepts and not _occurs(check, view, around):
        return 0, 0
    return None


def _occurs(check: Check, view: View, around: Surroundings) -> bool:
    """Whether any row has the concept, or one of those below it."""
    if check.type.name == "plausibleGenderUseDescendants":
        return bool(around.ancestors["above"].is_in(check.concepts).any())
    return bool(around.values[view.name, check.field].is_in(check.concepts).any())


def _with_surroundings(checks: Iterable[Check], view: View, around: Surroundings) -> pl.LazyFrame:
    names = {check.type.name for check in checks}
    rows = view.frame
    if names & OF_LIVES and view.has_persons:
        key = view.value(PERSON)
        rows = rows.join(around.people.lazy(), left_on=key, right_on=PERSON, how="left")
    if "withinVisitDates" in names and VISIT in view.filled:
        key = view.value(VISIT)
        rows = rows.join(around.visits.lazy(), left_on=key, right_on=VISIT, how="left")
    return rows


def _count(
    conditions: Mapping[Check, Condition], rows: pl.LazyFrame
) -> dict[Check, tuple[int, int]]:
    """How many break each check and of how many, in one pass."""
    wanted = []
    for place, one in enumerate(conditions.values()):
        wanted += [one.count.alias(f"{place} broken"), one.total.alias(f"{place} judged")]
    if not wanted:
        return {}
    found = rows.select(wanted).collect(engine="streaming").row(0)
    pairs = zip(found[::2], found[1::2], strict=True)
    return {
        check: (int(broken or 0), int(judged or 0))
        for check, (broken, judged) in zip(conditions, pairs, strict=True)
    }


def _meet(
    broken: Mapping[Check, Condition],
    counted: Mapping[Check, tuple[int, int]],
    view: View,
    rows: pl.LazyFrame,
) -> dict[Check, Met]:
    """Whom the broken checks concern: patients and example rows.

    Where every row breaks a check the answer is the same for all such checks.
    """
    whole = [c for c in broken if broken[c].values is None and counted[c][0] == view.rows]
    asked = {c: broken[c].broken > 0 for c in broken if c not in whole}
    if whole:
        asked[whole[0]] = pl.lit(value=True)
    met = _of_persons(asked, view, rows) if view.has_persons else _of_rows(asked, view, rows)
    return met | dict.fromkeys(whole, met[whole[0]]) if whole else met


def _of_persons(asked: Mapping[Check, pl.Expr], view: View, rows: pl.LazyFrame) -> dict[Check, Met]:
    """Patients and the first row of each, from one grouping by patient."""
    if not asked:
        return {}
    key = view.value(view.key) if view.key else pl.lit(None, pl.Int64)
    wanted = []
    for place, hit in enumerate(asked.values()):
        wanted += [
            hit.any().alias(f"{place} hit"),
            pl.when(hit).then(key).min().alias(f"{place} row"),
        ]
    person = view.value(PERSON).alias("person of the row")
    each = rows.group_by(person).agg(wanted).collect(engine="streaming")
    known = each["person of the row"].is_not_null()
    return {
        check: (
            int((each[f"{place} hit"] & known).sum()),
            tuple(each[f"{place} row"].drop_nulls().sort().head(EXAMPLES)),
        )
        for place, check in enumerate(asked)
    }


def _of_rows(asked: Mapping[Check, pl.Expr], view: View, rows: pl.LazyFrame) -> dict[Check, Met]:
    """The first rows of a table whose rows belong to nobody."""
    if view.key is None:
        return dict.fromkeys(asked, (None, ()))
    key = view.value(view.key).alias("row")
    wanted = [
        rows.filter(hit).select(key).drop_nulls().bottom_k(EXAMPLES, by="row")
        for hit in asked.values()
    ]
    found = pl.collect_all(wanted)
    return {
        check: (None, tuple(frame["row"].sort())) for check, frame in zip(asked, found, strict=True)
    }
