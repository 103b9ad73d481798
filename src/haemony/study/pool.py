"""What a study needs of a release, and the one element that every release has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import polars as pl

from haemony.model.disease import Disease
from haemony.model.element import Element, Identifying, ValueType


class Member(Protocol):
    """One contribution of a release, as far as a study cares."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    @property
    def patients(self) -> int:
        """How many persons it brought."""
        ...

    @property
    def level(self) -> int:
        """The quality level it reached."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it says of itself."""
        ...


class Manifest(Protocol):
    """What identifies a release."""

    @property
    def members(self) -> Sequence[Member]:
        """The contributions."""
        ...

    @property
    def sha256(self) -> str:
        """The hash of the manifest."""
        ...

    @property
    def content(self) -> str:
        """The hash of what the release says."""
        ...


class Pool(Protocol):
    """What a study needs of a release."""

    @property
    def number(self) -> int:
        """Which release it is."""
        ...

    @property
    def disease(self) -> Disease:
        """What it is about."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What identifies it."""
        ...

    def features(self, names: Sequence[str]) -> pl.DataFrame:
        """One row per person: ``person_id``, and one column per name."""
        ...

    def owners(self) -> pl.DataFrame:
        """One row per person: ``person_id`` and the contribution, ``owner``."""
        ...


OWNER = "owner"
"""The column that says which contribution a patient came with."""

CONTRIBUTION = Element(
    name="contribution",
    label="Contribution",
    definition="The contribution of the release that the patient came with.",
    type=ValueType.TEXT,
    unit="",
    units={},
    low=None,
    high=None,
    identifying=Identifying.OTHER,
    method="",
    table="",
    field="",
    concept_id=0,
    unit_concept_id=0,
)
"""An element that every release has, without any source recording it."""


def with_contribution(release: Pool) -> Disease:
    """What a release knows of, and which contribution somebody came with."""
    known = release.disease
    elements = {**known.catalogue.elements, CONTRIBUTION.name: CONTRIBUTION}
    return replace(known, catalogue=replace(known.catalogue, elements=elements))
