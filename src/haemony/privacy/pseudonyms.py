"""Two steps, two keys: patient number → site pseudonym → patient key.

The partner derives a site pseudonym under its own key; the trusted third party derives the patient
key under the key of its domain. Neither step is a bare hash: without the key nobody can recompute
it (ENISA 2019, *Pseudonymisation techniques and best practices*).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import NewType

SitePseudonym = NewType("SitePseudonym", bytes)
"""A patient at one partner, under the partner's key: 32 bytes."""

PatientKey = NewType("PatientKey", bytes)
"""A patient in the whole domain, under the trustee's key: 32 bytes."""


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The key of a partner: turns its patient numbers into site pseudonyms.

    Example:
        >>> site = SiteKey(bytes(32))
        >>> site.pseudonym("4711") == site.pseudonym("4711")
        True
    """

    key: bytes = field(repr=False)

    def pseudonym(self, patient: str) -> SitePseudonym:
        """HMAC-SHA-256 of the patient number under the partner's key (RFC 2104)."""
        message = b"haemony/site/1\0" + patient.encode()
        return SitePseudonym(hmac.digest(self.key, message, "sha256"))

    def version(self, digest: str) -> str:
        """What the platform may know of the hash of the partner's files, 64 hexadecimal digits.

        The hash itself covers the patient numbers; without the key nobody can try numbers on it.
        """
        return hmac.digest(self.key, b"haemony/version/1\0" + digest.encode(), "sha256").hex()

    def centre(self, name: str) -> str:
        """Pseudonym of a treatment centre, 12 hexadecimal digits."""
        message = b"haemony/centre/1\0" + name.encode()
        return hmac.digest(self.key, message, "sha256").hex()[:12]


@dataclass(frozen=True, slots=True)
class DomainKey:
    """The key of a trustee's domain: turns site pseudonyms into patient keys."""

    key: bytes = field(repr=False)

    def patient_key(self, partner: str, pseudonym: SitePseudonym) -> PatientKey:
        """HMAC-SHA-256 of partner and site pseudonym under the trustee's key (RFC 2104)."""
        message = b"haemony/patient/1\0" + partner.encode() + b"\0" + pseudonym
        return PatientKey(hmac.digest(self.key, message, "sha256"))


def person_id(key: PatientKey) -> int:
    """The OMOP person of a patient key: its first 63 bits, so that it fits a signed big integer."""
    return int.from_bytes(key[:8], "big") >> 1
