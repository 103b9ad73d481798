"""The patient table: who, from when, until when, and alive or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from haemony.harmonise.from_omop.day_zero import (
    DAY_0,
    HEALTHY,
    Days,
    codes,
    is_umbrella,
)
from haemony.harmonise.from_omop.sheets import (
    PERSON,
    Part,
    Sheet,
    coded,
    counted,
    gathered,
    of,
    patient,
    role_of,
)
from haemony.harmonise.omop import concepts
from haemony.intake.contribution import Origin
from haemony.intake.dictionary import ColumnType, Entry, Role, Status
from haemony.model.disease import DIAGNOSIS, Disease
from haemony.model.element import Catalogue, Element

NAME = "patients"
NOTHING_RECORDED = "0"
"""Stands in the column of the diagnosis for *none is recorded*, as 0 does throughout OMOP."""

AGES = {Origin.DIAGNOSIS: "age_at_diagnosis", Origin.SAMPLING: "age_at_sampling"}
"""What the age at day 0 is called, where the catalogue has a word for it."""

YEAR = 365.25
AGE = "age_at_day_0"
YEAR_ALONE = "year of birth"


def people(tables: Mapping[str, pl.DataFrame], disease: Disease, days: Days) -> Part:
    """One row per person.

    Args:
        tables: Tables of the CDM by name.
        disease: Whose catalogue says what the columns feed.
        days: Who takes part, and day 0 of each.
    """
    catalogue = disease.catalogue
    frame, ill = _diagnosed(days, disease)
    frame, sexes, sex = _sexes(frame, tables, catalogue)
    frame, centres = _centres(frame, tables, catalogue)
    frame, ages, unborn = _ages(frame, tables, days)
    frame, course, causes = _followed(frame, tables, catalogue)
    zero = Entry(
        NAME,
        DAY_0,
        f"Day 0: {days.origin}",
        ColumnType.DATE,
        role=Role.QUASI,
        status=Status.UNMAPPED,
        note="Everything is counted from it; the date itself does not leave.",
    )
    told = [
        entry
        for entry in (*ill, *sexes, *centres, *ages, *course)
        if frame[entry.column].drop_nulls().len()
    ]
    entries = (patient(NAME), zero, *told)
    columns = dict.fromkeys(entry.column for entry in entries)
    sheet = Sheet(NAME, frame.select(*columns).sort(PERSON), entries)
    return Part((sheet,), (sex, unborn, causes))


def _diagnosed(days: Days, disease: Disease) -> tuple[pl.DataFrame, list[Entry]]:
    """The diagnosis that the CDM records, where the catalogue has a value for its concept."""
    known = codes(disease)
    first = days.diagnoses.select(PERSON, pl.col("concept_id").alias("diagnosis_concept_id"))
    frame = days.kept.join(first, on=PERSON, how="left")
    concept = pl.col("diagnosis_concept_id")
    told = frame["diagnosis_concept_id"].drop_nulls().unique().sort()
    found = {i: known[i] for i in told if i in known}
    healthy = is_umbrella(disease) and days.origin is Origin.OBSERVATION
    nothing = pl.lit(NOTHING_RECORDED if healthy else None, pl.String)
    cells = (
        pl.when(concept.is_in(list(found)))
        .then(concept.cast(pl.String))
        .when(concept.is_null())
        .then(nothing)
    )
    frame = frame.with_columns(cells.alias("diagnosis_concept_id"))
    element = disease.catalogue[DIAGNOSIS]
    entry = coded(NAME, "diagnosis_concept_id", element.label, element, found)
    if healthy and frame.filter(concept == NOTHING_RECORDED).height:
        values = {**entry.values, NOTHING_RECORDED: HEALTHY}
        note = f"{NOTHING_RECORDED}: the CDM records no blood disease of the person."
        entry = replace(entry, values=values, value_map=values, note=note)
    return (frame, [entry]) if entry.values else (frame, [])


def _sexes(
    frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame], catalogue: Catalogue
) -> tuple[pl.DataFrame, list[Entry], pl.DataFrame]:
    """Sex, as far as the concept is one that tells it."""
    element = catalogue["sex"]
    known = {value.concept_id: value.code for value in element.values}
    column = "gender_concept_id"
    given = of(tables, "person").select(PERSON, column).unique(PERSON, keep="first")
    joined = frame.join(given, on=PERSON, how="left")
    strange = joined.filter(~pl.col(column).is_in(list(known)).fill_null(value=False))
    reason = pl.lit("the concept tells no sex that the catalogue knows")
    left = counted("person", strange, reason, element=element.name, concept_id=column)
    return (
        joined.with_columns(_known(column, known)),
        [coded(NAME, column, "Sex", element, known)],
        left,
    )


def _known(column: str, known: Mapping[int, str]) -> pl.Expr:
    concept = pl.col(column)
    return pl.when(concept.is_in(list(known))).then(concept.cast(pl.String)).alias(column)


def _centres(
    frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame], catalogue: Catalogue
) -> tuple[pl.DataFrame, list[Entry]]:
    """The number of the care site; sealing turns it into a pseudonym."""
    given = of(tables, "person").select(PERSON, "care_site_id").unique(PERSON, keep="first")
    if not given["care_site_id"].drop_nulls().len():
        return frame, []
    element = catalogue["centre"]
    frame = frame.join(given, on=PERSON, how="left")
    note = "A pseudonym takes its place before anything leaves."
    return frame, [
        Entry(NAME, "care_site_id", "Care site", role=role_of(element), element="centre", note=note)
    ]


def _ages(
    frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame], days: Days
) -> tuple[pl.DataFrame, list[Entry], pl.DataFrame]:
    """The age at day 0, from the date of birth or, where only its year is known, from that.

    Tables that state their time origin are a lake's own: their year of birth is derived itself, and
    their age is an observation.
    """
    births = of(tables, "person").unique(PERSON, keep="first")
    if days.is_stated or not births["year_of_birth"].drop_nulls().len():
        return frame, [], gathered(())
    born = births.select(PERSON, _born().alias("born"), "year_of_birth")
    frame = frame.join(born, on=PERSON, how="left")
    lived = (pl.col(DAY_0) - pl.col("born")).dt.total_days() / YEAR
    years = (pl.col(DAY_0).dt.year() - pl.col("year_of_birth")).cast(pl.Float64)
    frame = frame.with_columns(pl.coalesce(lived.round(2), years).alias(AGE))
    unborn = pl.lit("day 0 lies before birth, so there is no age")
    left = counted("person", frame.filter(pl.col(AGE) < 0), unborn)
    exact = pl.when(pl.col("born").is_not_null()).then(pl.lit("date of birth"))
    source = exact.otherwise(pl.lit(YEAR_ALONE))
    frame = frame.with_columns(
        pl.when(pl.col(AGE) >= 0).then(AGE).alias(AGE),
        pl.when(pl.col(AGE) >= 0).then(source).alias("age_derived_from"),
    )
    return frame, _age_entries(frame, days.origin), left


def _born() -> pl.Expr:
    """The date of birth; a first of January without month and day stands for a year alone."""
    month, day = pl.col("month_of_birth"), pl.col("day_of_birth")
    moment = pl.col("birth_datetime").dt.date()
    is_january_1st = (moment.dt.month() == 1) & (moment.dt.day() == 1)
    year_alone = is_january_1st & (month.is_null() | day.is_null())
    return pl.coalesce(
        pl.when(~year_alone).then(moment), pl.date(pl.col("year_of_birth"), month, day)
    )


def _age_entries(frame: pl.DataFrame, origin: Origin) -> list[Entry]:
    rough = frame.filter(pl.col("age_derived_from") == YEAR_ALONE).height
    note = (
        f"Derived, not recorded. Of {rough:,} of {frame.height:,} persons the CDM gives the year "
        "of birth alone: their age may be one year off."
    )
    element = AGES.get(origin, "")
    if not element:
        note = f"No element is the age at this day 0 ({origin}). {note}"
    age = Entry(
        NAME,
        AGE,
        "Age at day 0",
        ColumnType.NUMBER,
        "a",
        role=Role.QUASI,
        element=element,
        status=Status.CONFIRMED if element else Status.UNMAPPED,
        note=note,
    )
    source = "What the age was derived from"
    why = "Says how exact the age is."
    derived = Entry(NAME, "age_derived_from", source, status=Status.UNMAPPED, note=why)
    return [age, derived]


def _followed(
    frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame], catalogue: Catalogue
) -> tuple[pl.DataFrame, list[Entry], pl.DataFrame]:
    """Last contact, vital status and cause of death, as far as the tables say so."""
    period = of(tables, "observation_period").sort("observation_period_end_date")
    last = period.group_by(PERSON, maintain_order=True).last()
    deaths = of(tables, "death").sort("death_date").unique(PERSON, keep="first")
    cause = "cause_concept_id"
    frame = frame.join(
        last.select(PERSON, "observation_period_end_date", "period_type_concept_id"),
        on=PERSON,
        how="left",
    ).join(deaths.select(PERSON, "death_date", cause), on=PERSON, how="left")
    kind, died = pl.col("period_type_concept_id"), pl.col("death_date")
    is_derived = (kind == concepts.DERIVED_PERIOD).fill_null(value=False)
    is_silent = (kind == concepts.STATUS_UNKNOWN).fill_null(value=False)
    end = pl.when(~is_derived).then(pl.col("observation_period_end_date"))
    frame = frame.with_columns(pl.coalesce(died, end).alias("last_contact"))
    status = (
        pl.when(died.is_not_null())
        .then(pl.lit("dead"))
        .when(pl.col("last_contact").is_not_null() & ~is_silent)
        .then(pl.lit("alive"))
    )
    frame = frame.with_columns(status.alias("vital_status"))
    entries = _contact(frame, catalogue)
    if "death" not in tables:
        return frame, entries, gathered(())
    entries.append(_alive_or_dead(catalogue["vital_status"]))
    element = catalogue["cause_of_death"]
    known = {value.concept_id: value.code for value in element.values}
    strange = ~pl.col(cause).is_in([*known, concepts.NO_CONCEPT])
    reason = pl.lit("the catalogue has no such cause of death")
    left = counted(
        "death", frame.filter(strange), reason, element=element.name, value_as_concept_id=cause
    )
    if frame[cause].is_in(list(known)).any():
        entries.append(coded(NAME, cause, "Cause of death", element, known))
    return frame.with_columns(_known(cause, known)), entries, left


def _contact(frame: pl.DataFrame, catalogue: Catalogue) -> list[Entry]:
    if not frame["last_contact"].drop_nulls().len():
        return []
    element = catalogue["last_contact_day"]
    note = "Date of death of the dead; of all others the end of their last observation period."
    return [
        Entry(
            NAME,
            "last_contact",
            "Last contact",
            ColumnType.DATE,
            role=role_of(element),
            element=element.name,
            note=note,
        )
    ]


def _alive_or_dead(element: Element) -> Entry:
    codes_ = {"dead": "dead", "alive": "alive"}
    return Entry(
        NAME,
        "vital_status",
        "Vital status",
        ColumnType.CATEGORY,
        values=codes_,
        role=role_of(element),
        element=element.name,
        value_map=codes_,
        note="Dead: DEATH has a row. Alive: followed up, and DEATH has none.",
    )
