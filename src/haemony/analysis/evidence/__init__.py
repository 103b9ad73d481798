"""What a study found: every estimate with the release, the patients and the gaps it rests on.

One module per kind of answer. The values here are exact. What is written to files passes through
the small-cell rules of `haemony.analysis.report`.
"""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis.cohorts import Cohort
from haemony.analysis.evidence.cohorts import BaselineFound, PopulationFound
from haemony.analysis.evidence.curves import (
    CompetingFound,
    EndpointFound,
    GroupsTest,
    LandmarkFound,
    MeansFound,
    SurvivalFound,
)
from haemony.analysis.evidence.doubts import Caution, Doubt
from haemony.analysis.evidence.effects import (
    Effect,
    ModelFound,
    Regression,
    SubgroupsFound,
    SubgroupsOf,
    TimeDependentFound,
)
from haemony.analysis.evidence.findings import ComutationFound
from haemony.analysis.evidence.prediction import LeftOut, Predicted, PredictionFound
from haemony.analysis.evidence.provenance import Provenance, Source
from haemony.analysis.evidence.sensitivity import Compared, SensitivityFound
from haemony.analysis.evidence.states import StatesFound
from haemony.analysis.evidence.weighted import Balanced, WeightedAt, WeightedFound, WeightedPair
from haemony.analysis.freezing import Deviation, Frozen, Runs
from haemony.analysis.protocol import Protocol
from haemony.model.element import Catalogue

__all__ = [
    "Answers",
    "Balanced",
    "BaselineFound",
    "Caution",
    "Compared",
    "CompetingFound",
    "ComutationFound",
    "Doubt",
    "Effect",
    "EndpointFound",
    "Evidence",
    "GroupsTest",
    "LandmarkFound",
    "LeftOut",
    "MeansFound",
    "ModelFound",
    "PopulationFound",
    "Predicted",
    "PredictionFound",
    "Provenance",
    "Regression",
    "SensitivityFound",
    "Source",
    "StatesFound",
    "SubgroupsFound",
    "SubgroupsOf",
    "SurvivalFound",
    "TimeDependentFound",
    "WeightedAt",
    "WeightedFound",
    "WeightedPair",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """What the analyses of a plan found."""

    baselines: tuple[BaselineFound, ...] = ()
    survival: tuple[SurvivalFound, ...] = ()
    means: tuple[MeansFound, ...] = ()
    competing: tuple[CompetingFound, ...] = ()
    models: tuple[ModelFound, ...] = ()
    landmarks: tuple[LandmarkFound, ...] = ()
    time_dependent: tuple[TimeDependentFound, ...] = ()
    subgroups: tuple[SubgroupsFound, ...] = ()
    states: tuple[StatesFound, ...] = ()
    comutations: tuple[ComutationFound, ...] = ()
    predictions: tuple[PredictionFound, ...] = ()
    weighted: tuple[WeightedFound, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence(Answers):
    """Everything a study found.

    Attributes:
        protocol: the plan.
        provenance: where every number is from.
        catalogue: the elements.
        cohort: who was studied.
        populations: its named parts.
        endpoints: each endpoint over the whole cohort.
        sensitivities: the changes of the plan.
        cautions: what a good statistician would say before believing any of it.
        frozen: the plan as it was frozen, if it was.
        deviations: what was changed since.
        earlier: runs of the question before the plan was frozen, as far as the workspace knows.
    """

    protocol: Protocol
    provenance: Provenance
    catalogue: Catalogue
    cohort: Cohort
    populations: tuple[PopulationFound, ...] = ()
    endpoints: tuple[EndpointFound, ...] = ()
    sensitivities: tuple[SensitivityFound, ...] = ()
    cautions: tuple[Caution, ...] = ()
    frozen: Frozen | None = None
    deviations: tuple[Deviation, ...] = ()
    earlier: Runs | None = None
