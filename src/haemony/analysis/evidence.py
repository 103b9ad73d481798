"""What a study found: every estimate with the release, the patients and the gaps it rests on.

The values here are exact. What is written to files passes through the small-cell rules of
`haemony.analysis.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from haemony.analysis import survival
from haemony.analysis.blocks import (
    Baseline,
    CompetingBlock,
    ComutationBlock,
    CoxBlock,
    LandmarkBlock,
    MeanBlock,
    Population,
    PredictionBlock,
    Sensitivity,
    StatesBlock,
    SubgroupBlock,
    SurvivalBlock,
    TimeDependentBlock,
    WeightedBlock,
)
from haemony.analysis.clocks import Clock
from haemony.analysis.cohorts import Cohort
from haemony.analysis.describe import TableOne
from haemony.analysis.freezing import Deviation, Frozen
from haemony.analysis.genomics import CoMutation
from haemony.analysis.multistate import Scheme, StateOccupation
from haemony.analysis.prediction import CrossValidated
from haemony.analysis.protocol import Protocol
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.regression.cox import ChiSquared
from haemony.model.element import Catalogue, Element


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


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where every number of a study is from.

    Attributes:
        release: the number of the release.
        manifest: SHA-256 of its manifest.
        content: hash of what the release says, whatever program wrote its files.
        haemony: the version of the program that computed.
        environment: what it ran on: Python and the packages that compute, with their versions.
        disease: the name of the disease.
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
        """Whether any patient is made up."""
        return any(source.in_silico for source in self.sources)


class Doubt(StrEnum):
    """What a good statistician warns of."""

    IMMORTAL_TIME = "immortal time"
    FEW_EVENTS = "few events per variable"
    HAZARDS = "hazards are not proportional"
    SEPARATION = "no finite estimate"
    MISSING = "missing values may be informative"
    MULTIPLE = "many tests"
    TINY = "tiny groups"
    EXTRAPOLATION = "beyond follow-up"
    ORIGIN = "time origin"
    LATE_ENTRY = "late entry"
    DEFINITION = "pooled definitions"
    SELECTION = "selected patients"
    OVERLAP = "groups hardly overlap"
    BALANCE = "groups still differ"


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: what is wrong where, how much, and what to do.

    Attributes:
        doubt: the kind of warning.
        key: the block of the protocol, such as "cox[1]"; empty for the whole study.
        title: the block's heading; empty for the whole study.
        cause: what was seen, with its number, in one sentence.
        remedy: what to do, in one sentence.
        number: the number that raised it; None where there is none.
    """

    doubt: Doubt
    key: str
    title: str
    cause: str
    remedy: str
    number: float | None


@dataclass(frozen=True, slots=True)
class PopulationFound:
    """A named part of the cohort.

    Attributes:
        population: its definition.
        cohort: who belongs to it, found step by step.
    """

    population: Population
    cohort: Cohort


@dataclass(frozen=True, eq=False)
class EndpointFound:
    """One endpoint over the whole cohort.

    Attributes:
        clock: its definition, and how its time runs here.
        curve: survival of everybody.
        follow_up: how long they were watched, censoring being the event.
        missing: members whose time or event is unknown, or lies outside the clock.
    """

    clock: Clock
    curve: survival.Curve
    follow_up: survival.Curve
    missing: int


@dataclass(frozen=True, eq=False)
class BaselineFound:
    """A baseline table, ready for words."""

    block: Baseline
    table: TableOne
    elements: tuple[Element, ...]


@dataclass(frozen=True, eq=False)
class SurvivalFound:
    """Survival by group.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        curves: one curve per group, named as people read it.
        watched: how long each group was watched, censoring being the event.
        test: the log-rank test; None for a single group.
        everyone: the curve of all groups together.
        missing: members left out, and why.
    """

    block: SurvivalBlock
    clock: Clock
    curves: tuple[survival.Curve, ...]
    watched: tuple[survival.Curve, ...]
    test: survival.LogRank | None
    everyone: survival.Curve
    missing: survival.Missing


@dataclass(frozen=True, slots=True)
class Effect:
    """A ratio or a difference with its limits.

    Attributes:
        label: what it is the effect of.
        value: the estimate; None where there is none.
        lower: lower 95 % confidence limit.
        upper: upper limit.
        p: of the test that there is none.
        n: patients it rests on.
        events: their events.
        note: why there is no estimate; empty when there is.
    """

    label: str
    value: float | None
    lower: float | None
    upper: float | None
    p: float | None
    n: int
    events: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class MeansFound:
    """Mean survival up to a horizon.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        means: per group, the mean in days.
        differences: each group's mean less that of the first, in days.
        missing: members left out, and why.
    """

    block: MeanBlock
    clock: Clock
    means: tuple[Effect, ...]
    differences: tuple[Effect, ...]
    missing: survival.Missing


@dataclass(frozen=True, slots=True)
class GroupsTest:
    """A test that groups do not differ in one kind of event."""

    event: str
    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class Regression:
    """A regression beside another analysis.

    Attributes:
        method: what it is.
        effects: hazard ratios, one per coefficient.
        notes: what a reader must know of it.
        missing: members left out, and why.
        infinite: labels of coefficients without a finite estimate.
    """

    method: str
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]
    missing: survival.Missing
    infinite: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CompetingFound:
    """Cumulative incidences of events that rule each other out.

    Attributes:
        block: what was asked.
        clock: the endpoint and its competitors.
        curves: the incidences of each group, named as people read it.
        tests: Gray's test per kind of event; none for a single group.
        models: the cause-specific and the Fine–Gray model of the endpoint; none unless asked for.
        missing: members left out, and why.
    """

    block: CompetingBlock
    clock: Clock
    curves: tuple[survival.Incidence, ...]
    tests: tuple[GroupsTest, ...]
    models: tuple[Regression, ...]
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class ModelFound:
    """A Cox model with its diagnostics.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        formula: the whole formula.
        fit: the model.
        labels: its coefficients as people read them.
        hazards: the test of proportional hazards; None where it cannot be computed.
        residuals: the scaled Schoenfeld residuals behind it; None as well.
        influence: per coefficient, the largest change by leaving out one patient, in standard
            errors.
        imputed: the same model with missing covariates imputed, if that was asked for.
    """

    block: CoxBlock
    clock: Clock
    formula: str
    fit: survival.CoxFit
    labels: tuple[str, ...]
    hazards: survival.ProportionalHazards | None
    residuals: survival.Schoenfeld | None
    influence: Floats
    imputed: Regression | None = None

    @property
    def term_labels(self) -> tuple[str, ...]:
        """The terms as people read them: that of their coefficient, or the term's own name."""
        return tuple(
            self.labels[position[0]] if len(position) == 1 else term
            for term, position in self.fit.data.terms
        )


@dataclass(frozen=True, eq=False)
class LandmarkFound:
    """A comparison from a landmark on.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        before: patients whose follow-up ended at the landmark or before.
        curves: survival from the landmark on, unexposed first.
        test: the log-rank test; None where one group is empty.
        model: the hazard ratio of the exposure, and of what it was adjusted for.
        everyone: both groups together.
        missing: members left out, and why.
    """

    block: LandmarkBlock
    clock: Clock
    before: int
    curves: tuple[survival.Curve, ...]
    test: survival.LogRank | None
    model: Regression | None
    everyone: survival.Curve
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class TimeDependentFound:
    """An exposure that begins during follow-up, and what the naive analysis would have said.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        n: patients.
        exposed: patients who were exposed while under observation.
        median_day: the median day of exposure, from the endpoint's origin.
        model: with the exposure counting from its day on.
        naive: with the exposure counting from the origin: immortal time.
    """

    block: TimeDependentBlock
    clock: Clock
    n: int
    exposed: int
    median_day: float | None
    model: Regression
    naive: Regression


@dataclass(frozen=True, slots=True)
class SubgroupsOf:
    """One way to divide patients.

    Attributes:
        element: the element that divides them.
        label: as people read it.
        effects: the effect in each subgroup.
        interaction: likelihood-ratio test that all are equal; None where it cannot be computed.
        note: why it cannot.
    """

    element: str
    label: str
    effects: tuple[Effect, ...]
    interaction: ChiSquared | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class SubgroupsFound:
    """One effect within subgroups.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        overall: the effect in everybody.
        parts: per element of `within`, its subgroups.
        missing: members left out of the overall model, and why.
    """

    block: SubgroupBlock
    clock: Clock
    overall: Effect
    parts: tuple[SubgroupsOf, ...]
    missing: survival.Missing


@dataclass(frozen=True, eq=False)
class StatesFound:
    """Where everybody is over time.

    Attributes:
        block: what was asked.
        scheme: the states and the ways between them.
        occupation: the share in each state, per group.
        events: who took which way: from, to, count, entered, proportion.
        left_out: patients left out, by reason.
    """

    block: StatesBlock
    scheme: Scheme
    occupation: StateOccupation
    events: pl.DataFrame
    left_out: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class ComutationFound:
    """Which findings come together.

    Attributes:
        block: what was asked.
        pairs: every pair tested, with its adjusted p-value.
        n: patients.
    """

    block: ComutationBlock
    pairs: CoMutation
    n: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A group of patients that a model never saw, and how well it is told apart.

    Attributes:
        label: the group.
        n: its patients.
        events: their events.
        value: Harrell's C within it; None where the model failed or no pairs can be compared.
        std_err: its standard error.
    """

    label: str
    n: int
    events: int
    value: float | None
    std_err: float | None


@dataclass(frozen=True, slots=True)
class Predicted:
    """How well one model predicts.

    Attributes:
        model: its name.
        splits: in how many random splits it could be judged.
        mean: Harrell's C, mean over them; None without any.
        std_err: of the mean, allowing for splits that share patients (Nadeau and Bengio 2003).
        least: the lowest of them.
        greatest: the highest of them.
        within: mean standard error of C in one test part.
        left_out: C in each group that was left out.
    """

    model: str
    splits: int
    mean: float | None
    std_err: float | None
    least: float | None
    greatest: float | None
    within: float | None
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, eq=False)
class PredictionFound:
    """How well an endpoint is predicted.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        n: patients.
        events: their events.
        tested: patients in the test part of a random split; 0 without splits.
        columns: how many numbers the inputs make.
        models: what each model reaches.
        random: the random splits one by one; None without.
        groups: the groups left out one by one; None without.
        missing: members left out, and why.
        notes: which fits failed, and what else a reader must know.
    """

    block: PredictionBlock
    clock: Clock
    n: int
    events: int
    tested: int
    columns: int
    models: tuple[Predicted, ...]
    random: CrossValidated | None
    groups: CrossValidated | None
    missing: survival.Missing
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balanced:
    """How far two groups differ in one column, in standard deviations.

    Attributes:
        label: the column as people read it.
        before: as they are.
        after: weighted.
    """

    label: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class WeightedAt:
    """Weighted survival at one time; None beyond the follow-up.

    Attributes:
        days: when.
        others: of the other group.
        treated: of the treated.
        difference: the treated less the others.
    """

    days: float
    others: survival.Estimate | None
    treated: survival.Estimate | None
    difference: survival.Estimate | None


@dataclass(frozen=True, eq=False)
class WeightedPair:
    """The treated beside one other group.

    Attributes:
        others: the other group.
        sizes: patients of the other group and of the treated.
        effective: how many equally weighted patients would tell as much.
        crude: the hazard ratio without weights.
        weighted: the hazard ratio with them.
        balance: the columns of the score before and after.
        at: weighted survival at the times asked for.
        strange: patients unlike anybody in the other group, or nearly sure of theirs.
        notes: what a reader must know of the score and the weights.
    """

    others: str
    sizes: tuple[int, int]
    effective: tuple[float, float]
    crude: Regression
    weighted: Regression
    balance: tuple[Balanced, ...]
    at: tuple[WeightedAt, ...]
    strange: int
    notes: tuple[str, ...]

    @property
    def worst(self) -> float:
        """The largest difference left by the weights."""
        return max((abs(one.after) for one in self.balance), default=0.0)


@dataclass(frozen=True, eq=False)
class WeightedFound:
    """Groups weighted to be alike.

    Attributes:
        block: what was asked.
        clock: the endpoint, and how its time runs here.
        treated: the group that is compared with each other one.
        target: whom the weighted patients stand for, in words.
        groups: (label, patients, events) of each group, the treated last.
        pairs: the treated beside each other group.
        missing: members left out, and why.
    """

    block: WeightedBlock
    clock: Clock
    treated: str
    target: str
    groups: tuple[tuple[str, int, int], ...]
    pairs: tuple[WeightedPair, ...]
    missing: survival.Missing


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of the plan beside the same number under a change of it.

    Attributes:
        block: the title of the analysis.
        scale: what the number is: "hazard ratio", "median, days", "incidence" or "mean, days".
        planned: as planned.
        changed: under the change; None where that analysis has no such number.
    """

    block: str
    scale: str
    planned: Effect
    changed: Effect | None


@dataclass(frozen=True, eq=False)
class SensitivityFound:
    """A change of the plan, run.

    Attributes:
        change: what was changed.
        cohort: who was studied under it.
        compared: its numbers beside those of the plan.
        refused: analyses that are impossible under it: (title, reason).
    """

    change: Sensitivity
    cohort: Cohort
    compared: tuple[Compared, ...]
    refused: tuple[tuple[str, str], ...]


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
