"""Anonymity: hierarchies, privacy models, loss, and the searches that trade one for the other."""

from haemony.privacy.anonymity.anonymised import Anonymised, Recoding, anonymise
from haemony.privacy.anonymity.construction import (
    Period,
    all_or_nothing,
    dates,
    draft,
    intervals,
    ordered,
    tree,
)
from haemony.privacy.anonymity.disclosure import Exposure, Risk, risk
from haemony.privacy.anonymity.hierarchy import Hierarchy
from haemony.privacy.anonymity.icd_o import icd_o
from haemony.privacy.anonymity.lattice import Proof
from haemony.privacy.anonymity.loss import Loss
from haemony.privacy.anonymity.models import (
    AverageRisk,
    DeltaPresence,
    DistinctLDiversity,
    EntropyLDiversity,
    Equal,
    Ground,
    Hierarchical,
    KAnonymity,
    KMap,
    Model,
    Monotone,
    Ordered,
    RecursiveCLDiversity,
    StrictAverageRisk,
    TCloseness,
)
from haemony.privacy.anonymity.optimum import Effort
from haemony.privacy.anonymity.uniques import SpecialUniques, special_uniques

__all__ = [
    "Anonymised",
    "AverageRisk",
    "DeltaPresence",
    "DistinctLDiversity",
    "Effort",
    "EntropyLDiversity",
    "Equal",
    "Exposure",
    "Ground",
    "Hierarchical",
    "Hierarchy",
    "KAnonymity",
    "KMap",
    "Loss",
    "Model",
    "Monotone",
    "Ordered",
    "Period",
    "Proof",
    "Recoding",
    "RecursiveCLDiversity",
    "Risk",
    "SpecialUniques",
    "StrictAverageRisk",
    "TCloseness",
    "all_or_nothing",
    "anonymise",
    "dates",
    "draft",
    "icd_o",
    "intervals",
    "ordered",
    "risk",
    "special_uniques",
    "tree",
]
