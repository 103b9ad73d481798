"""Where every number of a study is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One contribution the patients came from.

    Attributes:
        id: its name.
        title: what it is.
        patients: how many persons it brought to the release.
        level: the quality level it reached.
        in_silico: whether its patients are made up.
        conditions: its conditions of use.
        origin: what its day 0 stands for; empty when it does not say.
        cut_off: until when it reports, as it says; empty when it does not.
        studied: how many of its persons are in the cohort.
        disease: the name of its disease; empty when it does not say.
    """

    id: str
    title: str
    patients: int
    level: int
    in_silico: bool
    conditions: tuple[str, ...]
    origin: str = ""
    cut_off: str = ""
    studied: int = 0
    disease: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where every number of a study is from.

    Attributes:
        release: the number of the release.
        manifest: SHA-256 of its manifest.
        content: hash of what the release says, whatever program wrote its files.
        haemony: the version of the program that computed.
        environment: what it ran on: Python and the packages that compute, with their versions.
        disease: the diseases of the sources that are studied.
        protocol: SHA-256 of the protocol file.
        seed: where random draws would start.
        sources: the contributions.
    """

    release: int
    manifest: str
    content: str
    haemony: str
    environment: Mapping[str, str]
    disease: str
    protocol: str
    seed: int
    sources: tuple[Source, ...]

    @property
    def in_silico(self) -> bool:
        """Whether any patient who is studied is made up."""
        return any(source.in_silico for source in self._studied)

    @property
    def all_in_silico(self) -> bool:
        """Whether all of them are."""
        return all(source.in_silico for source in self._studied)

    @property
    def _studied(self) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if source.studied)
