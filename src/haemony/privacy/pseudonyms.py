"""Two steps, two keys: patient number → site pseudonym → patient key.

The partner derives a site pseudonym under its own key; the trusted third party derives the patient
key under the key of its domain. Neither step is a bare hash: without the key nobody can recompute
it (ENISA 2019, *Pseudonymisation techniques and best practices*). Today one workspace holds both
keys, behind the two thin interfaces where separate parties will sit.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import NewType, Protocol

SitePseudonym = NewType("SitePseudonym", bytes)
"""A patient at one partner, under the partner's key: 32 bytes."""

PatientKey = NewType("PatientKey", bytes)
"""A patient in the whole domain, under the trustee's key: 32 bytes."""


class Partner(Protocol):
    """Who brings data: knows the patients, and their site pseudonyms."""

    @property
    def name(self) -> str:
        """The partner's name; part of every patient key."""

    def pseudonym_for(self, patient: str) -> SitePseudonym:
        """The pseudonym of a patient number."""


class Trustee(Protocol):
    """The third party that alone can link a site's pseudonym to ours."""

    def key_for(self, partner: str, pseudonym: SitePseudonym) -> PatientKey:
        """The patient key of a partner's pseudonym."""


@dataclass(frozen=True, slots=True)
class KeyedPartner:
    """A partner that holds its key in memory.

    Example:
        >>> site = KeyedPartner("hospital-a", bytes(32))
        >>> site.pseudonym_for("4711") == site.pseudonym_for("4711")
        True
    """

    name: str
    key: bytes = field(repr=False)

    def pseudonym_for(self, patient: str) -> SitePseudonym:
        """HMAC-SHA-256 of the patient number under the partner's key (RFC 2104)."""
        message = b"haemony/site/1\0" + patient.encode()
        return SitePseudonym(hmac.digest(self.key, message, "sha256"))


@dataclass(frozen=True, slots=True)
class KeyedTrustee:
    """A trustee that holds the key of its domain in memory."""

    key: bytes = field(repr=False)

    def key_for(self, partner: str, pseudonym: SitePseudonym) -> PatientKey:
        """HMAC-SHA-256 of partner and site pseudonym under the trustee's key (RFC 2104)."""
        message = b"haemony/patient/1\0" + partner.encode() + b"\0" + pseudonym
        return PatientKey(hmac.digest(self.key, message, "sha256"))


def person_id(key: PatientKey) -> int:
    """The OMOP person of a patient key: its first 63 bits, so that it fits a signed big integer."""
    return int.from_bytes(key[:8], "big") >> 1
