"""Keeping identity outside: pseudonyms under two keys, protected tables, measured anonymity."""

from haemony.privacy.anonymity.anonymised import Anonymised, Recoding, anonymise
from haemony.privacy.anonymity.disclosure import Risk, risk
from haemony.privacy.protect import Protected, protect
from haemony.privacy.pseudonyms import KeyedPartner, KeyedTrustee, Partner, Trustee

__all__ = [
    "Anonymised",
    "KeyedPartner",
    "KeyedTrustee",
    "Partner",
    "Protected",
    "Recoding",
    "Risk",
    "Trustee",
    "anonymise",
    "protect",
    "risk",
]
