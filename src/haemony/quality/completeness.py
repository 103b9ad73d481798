"""Quality level 2 on OMOP tables: what a study of a blood cancer cannot do without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from haemony.model.disease import Disease
from haemony.model.element import Element
from haemony.quality.cdm import Finding
from haemony.quality.concepts import of_element, sexes


def check_completeness(tables: Mapping[str, pl.DataFrame], disease: Disease) -> tuple[Finding, ...]:
    """Find out for how many patients sex, follow-up, death and core measurements are told.

    Args:
        tables: Tables by name, shaped as the CDM declares them.
        disease: Its core elements that are numbers in MEASUREMENT are asked for, and each of
            these for the share of patients that it sets.

    Returns:
        What is told for too few patients, and for how many of how many it is not told; nothing
        without a person table.

    Example:
        >>> from haemony.harmonise.omop.cdm import table
        >>> from haemony.model.disease import disease
        >>> one = table("person").shape(pl.DataFrame({"person_id": [1], "gender_concept_id": [0]}))
        >>> [finding.check for finding in check_completeness({"person": one}, disease("aml"))][:3]
        ['sex', 'observation period', 'death']
    """
    if "person" not in tables:
        return ()
    persons = tables["person"].unique("person_id", keep="first", maintain_order=True)
    found = [_sex(persons), _observed(persons, tables), _deaths(persons, tables)]
    found += _measured(persons, tables, disease)
    missing = 1 - disease.core_share
    return tuple(finding for finding in found if finding.broken > missing * finding.rows)


def _sex(persons: pl.DataFrame) -> Finding:
    known = int(persons["gender_concept_id"].is_in(list(sexes())).sum())
    text = "sex is not known by a standard concept"
    return Finding(
        "sex", "person", "gender_concept_id", persons.height - known, persons.height, text
    )


def _observed(persons: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Finding:
    name = "observation_period"
    without = persons.height
    if name in tables:
        without = persons.join(tables[name], on="person_id", how="anti").height
    text = "no observation period tells from when to when a patient was followed"
    return Finding("observation period", name, "", without, persons.height, text)


def _deaths(persons: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Finding:
    """A DEATH table without rows says that nobody died; no DEATH table says nothing."""
    untold = 0 if "death" in tables else persons.height
    text = "no DEATH table tells who died and when"
    return Finding("death", "death", "", untold, persons.height, text)


def _measured(
    persons: pl.DataFrame, tables: Mapping[str, pl.DataFrame], disease: Disease
) -> Iterator[Finding]:
    for element in _core(disease):
        without = persons.height
        if "measurement" in tables:
            have = tables["measurement"].filter(
                pl.col("measurement_concept_id").is_in([element.concept_id, *_others(element)]),
                pl.col("value_as_number").is_not_null(),
            )
            without = persons.join(have, on="person_id", how="anti").height
        text = f"{element.label} is not told as a measurement (concept {element.concept_id})"
        field = "measurement_concept_id"
        yield Finding("core measurement", "measurement", field, without, persons.height, text)


def _core(disease: Disease) -> tuple[Element, ...]:
    elements = disease.catalogue.of("measurement")
    return tuple(e for e in elements if e.name in disease.core and e.type.is_numeric)


def _others(element: Element) -> tuple[int, ...]:
    return tuple(i for i in of_element(element.name) if i != element.concept_id)
