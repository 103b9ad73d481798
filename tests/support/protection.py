"""A checked contribution brought through both keys in memory, without envelopes."""

from __future__ import annotations

from haemony.intake.check import CheckReport
from haemony.privacy import DomainKey, Protected, SiteKey, protect, split
from haemony.privacy.identities import KeyTable
from haemony.privacy.pseudonyms import person_id

SITE, DOMAIN, SHIFT = SiteKey(b"p" * 32), DomainKey(b"t" * 32), b"s" * 32


def protected(checked: CheckReport) -> Protected:
    """The contribution without identities, under fixed keys."""
    halves = split(checked, SITE)
    partner = checked.contribution.partner
    keys = KeyTable.of(halves.identities, lambda name: DOMAIN.patient_key(partner, name))
    return protect(halves.payload, keys, shift_key=SHIFT)


def person_of(patient: str, partner: str = "hospital") -> int:
    """The person that a patient number of a partner becomes under these keys."""
    return person_id(DOMAIN.patient_key(partner, SITE.pseudonym(patient)))
