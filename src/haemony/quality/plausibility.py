"""Quality level 3 on OMOP tables: rows that conform to the CDM and cannot be true all the same.

Each check answers one way in which a harmonisation goes wrong without breaking a single constraint
of the database. A finding names tables, fields, concepts and counts; a source's own text is named
only where at least ten patients share it, so that it is a code and not somebody's note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain

import polars as pl

from haemony.harmonise.omop.cdm import table
from haemony.harmonise.omop.concepts import NO_CONCEPT
from haemony.quality.cdm import DATED, Finding
from haemony.quality.concepts import (
    ABSENT,
    GENDER,
    LABORATORY,
    UNIT,
    concepts,
    domains,
    named,
    of_domain,
    of_kind,
)

Tables = Mapping[str, pl.DataFrame]

MANY = 10
"""From so many patients on a coincidence is a pattern, and a shared text is a code."""

OLDEST = 120
EARLIEST = 1900

_EVENTS = (
    ("condition_occurrence", "condition", "condition_start_date"),
    ("measurement", "measurement", "measurement_date"),
    ("observation", "observation", "observation_date"),
    ("procedure_occurrence", "procedure", "procedure_date"),
    ("drug_exposure", "drug", "drug_exposure_start_date"),
)
_ABSENT_TEXTS = ("0", "0.0", "no", "n", "false", "absent", "negative", "neg", "not present", "nein")
_QUANTITIES = ("time", "share", LABORATORY)
_OTHER_HOMES = ("Condition", "Measurement", "Procedure", "Drug")


def check_plausibility(tables: Tables) -> tuple[Finding, ...]:
    """Look for what cannot be true.

    Args:
        tables: Tables by name, shaped as the CDM declares them; columns of its own that a partner
            added are looked at where they say that a finding is absent.

    Returns:
        What was found, in the order of the checks.

    Example:
        >>> from haemony.harmonise.omop.cdm import table
        >>> one = pl.DataFrame({"person_id": [1], "gender_concept_id": [442985]})
        >>> (finding,) = check_plausibility({"person": table("person").shape(one)})
        >>> finding.where
        'person.gender_concept_id'
    """
    checks = (
        _gender,
        _placeholders,
        _one_date,
        _absent,
        _one_concept,
        _laboratory,
        _quantity,
        _domain,
        _birth_years,
        _reckoned_from_age,
        _out_of_life,
    )
    found = chain.from_iterable(check(tables) for check in checks)
    return tuple(finding for finding in found if finding.broken)


def _gender(tables: Tables) -> Iterator[Finding]:
    if "person" not in tables:
        return
    given = tables["person"]["gender_concept_id"].drop_nulls()
    wrong = given.filter(~given.is_in([NO_CONCEPT, *of_domain(GENDER)]))
    text = f"sex is written as {named(wrong)}, which is no Gender concept"
    yield Finding("gender concept", "person", "gender_concept_id", wrong.len(), given.len(), text)


def _dated(tables: Tables) -> Iterator[tuple[str, str, pl.DataFrame]]:
    for name, field in DATED:
        if name in tables:
            frame = tables[name].select("person_id", pl.col(field).alias("date")).drop_nulls()
            yield name, field, frame


def _placeholders(tables: Tables) -> Iterator[Finding]:
    for name, field, frame in _dated(tables):
        old = frame.filter(pl.col("date").dt.year() < EARLIEST).height
        text = f"{name} has events dated before {EARLIEST}"
        yield Finding("plausible date", name, field, old, frame.height, text)


def _one_date(tables: Tables) -> Iterator[Finding]:
    for name, field, frame in _dated(tables):
        days = frame.group_by("date").agg(pl.len(), pl.col("person_id").n_unique().alias("persons"))
        same = days.filter(pl.col("persons") >= MANY).sort("len").tail(1)
        shared = int(same["len"].sum())
        if shared * 2 > frame.height:
            text = f"{name} has one and the same date for the events of most patients"
            yield Finding("one date", name, field, shared, frame.height, text)


def _absent(tables: Tables) -> Iterator[Finding]:
    """Rows that say by their status, or by a value column of the partner's, that nothing is."""
    name = "condition_occurrence"
    if name not in tables:
        return
    frame = tables[name]
    added = [c for c in frame.columns if c.startswith("value") and c not in table(name).schema]
    texts = [c for c in ("condition_status_source_value", *added) if frame[c].dtype == pl.String]
    says = {field: _says_absent(field) for field in texts}
    status = "condition_status_concept_id"
    says[status] = pl.col(status).is_in(list(of_kind(ABSENT)))
    for field, expression in says.items():
        told = frame.with_columns(expression.fill_null(value=False).alias("absent"))
        absent = told.filter("absent")
        counted, real = _having(told), _having(told.filter(~pl.col("absent")))
        text = (
            f"{name} rows say by {field} that the condition is absent; counted by concept and "
            f"patient there are {counted:,} cases, of which {real:,} are real"
        )
        yield Finding("absent finding", name, field, absent.height, frame.height, text)


def _says_absent(field: str) -> pl.Expr:
    return pl.col(field).str.strip_chars().str.to_lowercase().is_in(_ABSENT_TEXTS)


def _having(frame: pl.DataFrame) -> int:
    """Pairs of patient and condition: what a count of the concepts gives."""
    return frame.select("person_id", "condition_concept_id").n_unique()


def _one_concept(tables: Tables) -> Iterator[Finding]:
    """One patient on one day has several source values under one concept."""
    for name, prefix, date in _EVENTS:
        if name not in tables:
            continue
        concept, text = f"{prefix}_concept_id", f"{prefix}_source_value"
        frame = tables[name].select("person_id", concept, text, pl.col(date).alias("date"))
        several = frame.filter(
            pl.col(concept) != NO_CONCEPT,
            pl.col(text).drop_nulls().n_unique().over("person_id", concept, "date") > 1,
            pl.col(text).is_not_null(),
        )
        if several.height:
            said = "; ".join(_stands_for(several, concept, text))
            said = f"several findings of one patient share a concept: {said}"
            yield Finding("one concept", name, concept, several.height, frame.height, said)


def _stands_for(rows: pl.DataFrame, concept: str, text: str, most: int = 5) -> Iterator[str]:
    """For each concept, the source's words for it that many patients share."""
    ranked = rows.group_by(concept).len().sort(["len", concept], descending=[True, False])
    for (identifier,) in ranked.select(concept).head(most).iter_rows():
        part = rows.filter(pl.col(concept) == identifier)
        shared = part.group_by(text).agg(pl.col("person_id").n_unique().alias("persons"))
        codes = sorted(shared.filter(pl.col("persons") >= MANY)[text])[:most]
        what = ", ".join(codes) or f"{part[text].n_unique()} source values"
        yield f"{identifier} stands for {what}"


def _laboratory(tables: Tables) -> Iterator[Finding]:
    if "observation" not in tables:
        return
    frame = tables["observation"]
    values = frame.filter(_is_laboratory("observation"), pl.col("value_as_number").is_not_null())
    field = "observation_concept_id"
    text = f"laboratory values are stored as observations: {named(values[field])}"
    yield Finding("laboratory value", "observation", field, values.height, frame.height, text)


def _is_laboratory(prefix: str) -> pl.Expr:
    kinds = list(of_kind(LABORATORY))
    return (
        pl.col(f"{prefix}_concept_id").is_in(kinds) | pl.col("unit_concept_id").is_in(kinds)
    ).fill_null(value=False)


def _quantity(tables: Tables) -> Iterator[Finding]:
    """The concept is of one kind (a share) and its unit of another (a time)."""
    kinds = {c.id: c.kind for c in concepts().values() if c.kind in _QUANTITIES}
    for name in ("measurement", "observation"):
        if name not in tables:
            continue
        field = f"{name}_concept_id"
        kind = partial(pl.Expr.replace_strict, old=kinds, default=None, return_dtype=pl.String)
        frame = tables[name]
        wrong = frame.filter(kind(pl.col(field)) != kind(pl.col("unit_concept_id")))
        text = f"{named(wrong[field])} has values in the unit {named(wrong['unit_concept_id'])}"
        yield Finding("quantity", name, field, wrong.height, frame.height, text)


def _domain(tables: Tables) -> Iterator[Finding]:
    known = domains(tables)
    for name, frame in tables.items():
        for field in table(name).fields:
            elsewhere = _elsewhere(name, field.name, field.domain, known)
            if not elsewhere:
                continue
            wrong = frame.filter(pl.col(field.name).is_in(elsewhere))
            if name == "observation":  # these have a finding of their own
                wrong = wrong.filter(~_is_laboratory(name) | pl.col("value_as_number").is_null())
            homes = ", ".join(sorted({known[i] for i in wrong[field.name].unique()}))
            text = f"{field.name} holds {named(wrong[field.name])}, of the domain {homes}"
            yield Finding("domain", name, field.name, wrong.height, frame.height, text)


def _elsewhere(name: str, field: str, domain: str, known: Mapping[int, str]) -> list[int]:
    """Concepts that cannot stand in a field: OBSERVATION takes what no other table takes."""
    if (name, field) == ("observation", "observation_concept_id"):
        return [i for i, home in known.items() if home in _OTHER_HOMES]
    if not domain or domain == GENDER or domain not in {*_OTHER_HOMES, UNIT}:
        return []
    return [i for i, home in known.items() if home != domain]


def _lives(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Persons with a year of birth, and the age in calendar years at each of their events."""
    persons = tables["person"].select("person_id", "year_of_birth").drop_nulls()
    persons = persons.unique("person_id", keep="first", maintain_order=True)
    dates = [frame for _, _, frame in _dated(tables)]
    empty = pl.DataFrame(schema={"person_id": pl.Int64, "date": pl.Date})
    age = pl.col("date").dt.year() - pl.col("year_of_birth")
    return persons, pl.concat([empty, *dates]).join(persons, on="person_id").with_columns(age=age)


def _birth_years(tables: Tables) -> Iterator[Finding]:
    if "person" not in tables:
        return
    persons, events = _lives(tables)
    aged = events.filter(pl.col("age") > OLDEST).select("person_id").unique()
    early = pl.col("year_of_birth") < EARLIEST
    wrong = persons.filter(early | pl.col("person_id").is_in(aged["person_id"].implode()))
    text = f"born before {EARLIEST} or older than {OLDEST} years at an event"
    yield Finding("birth year", "person", "year_of_birth", wrong.height, persons.height, text)


def _reckoned_from_age(tables: Tables) -> Iterator[Finding]:
    """Year of birth plus recorded age is one year for everybody, and not that of the record."""
    if "person" not in tables or "observation" not in tables:
        return
    persons, _ = _lives(tables)
    ages = (
        tables["observation"]
        .filter(pl.col("observation_concept_id").is_in(list(of_kind("age"))))
        .select("person_id", pl.col("value_as_number").floor().cast(pl.Int64).alias("age"),
                pl.col("observation_date").dt.year().cast(pl.Int64).alias("year"))
        .drop_nulls()
        .unique("person_id", keep="first", maintain_order=True)
        .join(persons, on="person_id")
        .with_columns(constant=pl.col("year_of_birth") + pl.col("age"))
    )  # fmt: skip
    elsewhere = ages.filter(pl.col("constant") != pl.col("year")).height
    if ages.height >= MANY and ages["constant"].n_unique() == 1 and elsewhere * 2 > ages.height:
        text = "year of birth and recorded age add up to one constant year for every patient"
        yield _reckoned(ages.height, persons.height, text)


def _out_of_life(tables: Tables) -> Iterator[Finding]:
    """Years that cannot be true, and no event in anybody's life: both were filled with a constant.

    Events outside life alone are not enough: true years of birth beside placeholder dates look so.
    """
    if "person" not in tables:
        return
    persons, events = _lives(tables)
    within = events.filter(pl.col("age").is_between(0, OLDEST)).height
    judged = events["person_id"].n_unique()
    untrue = persons.filter(pl.col("year_of_birth") < EARLIEST).height
    if judged >= MANY and not within and untrue * 4 > persons.height:
        text = (
            "years of birth lie too far back and no event of any patient falls within their life: "
            "they were evidently reckoned from ages with a constant year, not recorded"
        )
        yield _reckoned(judged, persons.height, text)


def _reckoned(broken: int, rows: int, text: str) -> Finding:
    return Finding("reckoned birth", "person", "year_of_birth", broken, rows, text)
