"""Privacy-preserving record linkage: one patient found by someone who cannot tell who.

Partners :func:`encode` identities under a key they share; the trustee, without it, finds the
records of one patient (:func:`link`, :func:`deduplicate`, :func:`link_to_held`).
"""

from haemony.privacy.linkage.encoding import Encodings, LinkageKey, encode
from haemony.privacy.linkage.identity import BirthDate, Identity, Sex, normalise
from haemony.privacy.linkage.matching import (
    Counts,
    Linkage,
    Reason,
    Thresholds,
    deduplicate,
    group,
    link,
    link_to_held,
)
from haemony.privacy.linkage.parameters import STANDARD, Field, Parameters
from haemony.privacy.linkage.weights import Weights

__all__ = [
    "STANDARD",
    "BirthDate",
    "Counts",
    "Encodings",
    "Field",
    "Identity",
    "Linkage",
    "LinkageKey",
    "Parameters",
    "Reason",
    "Sex",
    "Thresholds",
    "Weights",
    "deduplicate",
    "encode",
    "group",
    "link",
    "link_to_held",
    "normalise",
]
