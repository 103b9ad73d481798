"""What haemony knows of a few dozen concepts: their domain, and what kind of thing they measure.

Enough to notice a concept in a place where it cannot be right, without any vocabulary installed.
Labels are our own words, so no term is shipped that a vocabulary's licence keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from haemony.harmonise.omop.concepts import NO_CONCEPT
from haemony.model.tables import rows

GENDER = "Gender"
UNIT = "Unit"
LABORATORY = "laboratory"
ABSENT = "absent"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept.

    Attributes:
        id: Its OMOP id.
        domain: Its OMOP domain; empty where it is not known.
        kind: What it measures or says: time, share, laboratory, present, absent, unknown, or empty.
        element: The element of the catalogue that it stands for, beside the catalogue's own.
        label: What it means, in our words.
    """

    id: int
    domain: str
    kind: str
    element: str
    label: str


@cache
def concepts() -> Mapping[int, Concept]:
    """The concepts haemony knows, by id.

    Raises:
        TableSlip: When a line of ``cdm_concepts.csv`` is not a concept.

    Example:
        >>> concepts()[8532].label
        'female'
    """
    return {
        int(row["concept_id"]): Concept(
            int(row["concept_id"]), row["domain"], row["kind"], row["element"], row["label"]
        )
        for _, row in rows(files("haemony.quality") / "cdm_concepts.csv")
    }


def of_domain(domain: str) -> tuple[int, ...]:
    """Ids of the known concepts of a domain."""
    return tuple(c.id for c in concepts().values() if c.domain == domain)


def of_kind(kind: str) -> tuple[int, ...]:
    """Ids of the known concepts of a kind."""
    return tuple(c.id for c in concepts().values() if c.kind == kind)


def of_element(element: str) -> tuple[int, ...]:
    """Ids of the known concepts that stand for an element of the catalogue."""
    return tuple(c.id for c in concepts().values() if c.element == element)


def sexes() -> tuple[int, ...]:
    """Gender concepts that tell a sex.

    Example:
        >>> sexes()
        (8507, 8532, 8521, 8570)
    """
    return tuple(i for i in of_domain(GENDER) if concepts()[i].kind != UNKNOWN)


def domains(tables: Mapping[str, pl.DataFrame]) -> Mapping[int, str]:
    """The domain of every concept known here or described in the partner's own CONCEPT table."""
    brought = tables.get("concept", pl.DataFrame(schema={"concept_id": pl.Int64}))
    theirs: Mapping[int, str] = {}
    if "domain_id" in brought.columns:
        pairs = brought.select("concept_id", "domain_id").drop_nulls()
        theirs = {i: domain for i, domain in pairs.iter_rows() if i != NO_CONCEPT}
    ours = {c.id: c.domain for c in concepts().values() if c.domain}
    return {**theirs, **ours}


def named(ids: pl.Series, most: int = 5) -> str:
    """Concept ids as text, the most frequent first, with our label where there is one.

    Example:
        >>> named(pl.Series([8532, 8532, 5]))
        '8532 (female), 5'
    """
    counts = ids.drop_nulls().rename("id").to_frame().group_by("id").len()
    ranked = counts.sort(["len", "id"], descending=[True, False])["id"].to_list()
    labels = {i: concepts()[i].label for i in ranked if i in concepts()}
    texts = [f"{i} ({labels[i]})" if i in labels else str(i) for i in ranked[:most]]
    more = f" and {len(ranked) - most} more" if len(ranked) > most else ""
    return ", ".join(texts) + more
