"""The CONCEPT table of a release: every concept in use, under a label of our own."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from haemony.harmonise.vocabulary.core import Known, core, is_local
from haemony.harmonise.vocabulary.uses import expected_domains, uses

ELSEWHERE = "Metadata"
"""The domain of a concept that no field of the CDM asks for."""

OURS = "haemony"


def labelled(labels: Mapping[int, str]) -> pl.DataFrame:
    """Rows for the CONCEPT table.

    Domain, vocabulary and standing are those of the open core. A local concept has the domain of
    the field it is written to, and is never standard, as OMOP has it.

    Args:
        labels: Our label by concept id.

    Example:
        >>> row = labelled({8507: "male"}).row(0, named=True)
        >>> row["concept_name"], row["domain_id"], row["standard_concept"]
        ('male', 'Gender', 'S')
    """
    domains = _domains_of_uses()
    known = {concept: core().get(concept) or _local(concept, domains) for concept in labels}
    return pl.DataFrame(
        [
            (
                concept,
                label,
                known[concept].domain or domains.get(concept, ELSEWHERE),
                known[concept].vocabulary,
                "Undefined",
                known[concept].standard if known[concept].standard in {"S", "C"} else None,
                f"haemony:{concept}",
            )
            for concept, label in sorted(labels.items())
        ],
        schema={
            "concept_id": pl.Int64,
            "concept_name": pl.String,
            "domain_id": pl.String,
            "vocabulary_id": pl.String,
            "concept_class_id": pl.String,
            "standard_concept": pl.String,
            "concept_code": pl.String,
        },
        orient="row",
    ).with_columns(
        pl.date(1970, 1, 1).alias("valid_start_date"),
        pl.date(2099, 12, 31).alias("valid_end_date"),
    )


def _local(concept: int, domains: Mapping[int, str]) -> Known:
    vocabulary = OURS if is_local(concept) else "None"
    return Known(concept, domains.get(concept, ELSEWHERE), vocabulary, "")


def _domains_of_uses() -> dict[int, str]:
    """The domain that the first field asks for in which a concept is used."""
    found: dict[int, str] = {}
    for use in uses():
        if domains := sorted(expected_domains(use)):
            found.setdefault(use.concept_id, domains[0])
    return found
