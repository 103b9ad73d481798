"""Keeping identity outside: two keys held by two parties, and measured anonymity."""

from haemony.privacy.anonymity import Anonymised, Hierarchy, Recoding, Risk, anonymise, risk
from haemony.privacy.protect import Protected, protect
from haemony.privacy.pseudonyms import DomainKey, SiteKey
from haemony.privacy.split import Split, split

__all__ = [
    "Anonymised",
    "DomainKey",
    "Hierarchy",
    "Protected",
    "Recoding",
    "Risk",
    "SiteKey",
    "Split",
    "anonymise",
    "protect",
    "risk",
    "split",
]
