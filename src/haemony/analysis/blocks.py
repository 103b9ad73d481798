"""The parts of a study's plan, as frozen values: what `study.toml` says, and its Python twin.

Each class is one kind of block of the file; its attributes are the keys of the block. They can be
written in code as well, put together to a `Protocol`, and written to a file that reads back equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from haemony.analysis.causal.propensity import Estimand
from haemony.analysis.cohorts import Criterion
from haemony.analysis.describe import Comparison
from haemony.analysis.survival.data.formula import read as read_formula


class MissingData(StrEnum):
    """What a model does with patients who lack a covariate."""

    COMPLETE_CASES = "complete cases"
    OWN_CATEGORY = "own category"

    @property
    def words(self) -> str:
        """What it does, as a report says it."""
        if self is MissingData.COMPLETE_CASES:
            return "Patients who lack a covariate are left out of its model, and counted"
        return (
            "In models, unknown categories and findings not tested are a category of their own; "
            "patients who lack a number are left out, and counted"
        )


class LateEntry(StrEnum):
    """What is done about patients who came under observation after day 0."""

    MODEL = "model"
    IGNORE = "ignore"


def _key() -> str:
    """Where a block stands in the file, for messages; given by the protocol."""
    return field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What every analysis of a plan says.

    Attributes:
        title: its heading.
        population: the population it is about; the whole cohort unless named.
        key: where it stands in the file, for messages.
    """

    TABLE: ClassVar[str]
    title: str
    population: str = ""
    key: str = _key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped(Analysis):
    """An analysis of groups.

    Attributes:
        by: the elements whose combinations are the groups; none for everybody together.
        cuts: where a numeric element of `by` is cut; at its median unless given.
    """

    by: tuple[str, ...] = ()
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Grouped):
    """An analysis of groups over time.

    Attributes:
        at: when it is printed, in the time unit of the report.
        until: where the time axis ends, in that unit; 0 for the data to decide.
    """

    at: tuple[float, ...] = (1.0, 3.0, 5.0)
    until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(Analysis):
    """One baseline table.

    Attributes:
        elements: the rows.
        by: the element whose groups are the columns, or empty.
        cuts: where a numeric `by` is cut; at its median unless given.
        compare: what is added about differences between the groups.
    """

    TABLE: ClassVar[str] = "baseline"
    elements: tuple[str, ...]
    title: str = "Patients at baseline"
    by: str = ""
    cuts: tuple[float, ...] = ()
    compare: Comparison = Comparison.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalBlock(Followed):
    """Kaplan–Meier curves of groups, with a log-rank test.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        strata: elements within whose groups alone the log-rank test compares.
        at: when survival is printed, in the time unit of the report.
    """

    TABLE: ClassVar[str] = "kaplan_meier"
    endpoint: str
    strata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxBlock(Analysis):
    """A Cox model with its diagnostics.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        formula: the covariates: the right side of a formula, without strata.
        strata: elements with a baseline hazard per group.
        imputations: into how many tables missing covariates are imputed, for a second model beside
            the first; 0 for none.
        labels: words of the author's own for coefficients, by name.
    """

    TABLE: ClassVar[str] = "cox"
    endpoint: str
    formula: str
    strata: tuple[str, ...] = ()
    imputations: float = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The elements that the covariates need.

        >>> CoxBlock(title="", endpoint="os", formula="log(wbc) + NPM1").columns
        ('wbc', 'NPM1')
        """
        return covariates(self.formula)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetingBlock(Followed):
    """Cumulative incidences of events that rule each other out, with Gray's test.

    Attributes:
        endpoint: an endpoint that has competing ones, such as "cir".
        strata: elements within whose groups alone Gray's test compares.
        at: when incidences are printed, in the time unit of the report.
        formula: covariates of a Fine–Gray model of the endpoint, beside its cause-specific Cox
            model; none without.
        labels: words of the author's own for coefficients, by name.
    """

    TABLE: ClassVar[str] = "competing_risks"
    endpoint: str
    strata: tuple[str, ...] = ()
    formula: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkBlock(Analysis):
    """A comparison that starts at a landmark: who has been exposed by then against who has not.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        exposure: the day of the exposure, such as "transplant_day".
        day: the landmark, in days from the endpoint's origin.
        counts_if: criteria that an exposure must meet to count as one.
        adjust: further covariates of the model: the right side of a formula.
        strata: elements with a baseline hazard per group.
        at: when survival is printed, from the landmark on, in the time unit of the report.
        until: where the time axis ends, in that unit; 0 for the data to decide.
        labels: words of the author's own for coefficients, by name.
    """

    TABLE: ClassVar[str] = "landmark"
    endpoint: str
    exposure: str
    day: float
    counts_if: tuple[Criterion, ...] = ()
    adjust: str = ""
    strata: tuple[str, ...] = ()
    at: tuple[float, ...] = (1.0, 3.0, 5.0)
    until: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDependentBlock(Analysis):
    """A Cox model of an exposure that begins during follow-up, such as a transplant.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        exposure: the day on which it begins, such as "transplant_day".
        counts_if: criteria that an exposure must meet to count as one.
        adjust: further covariates of the model: the right side of a formula.
        strata: elements with a baseline hazard per group.
        labels: words of the author's own for coefficients, by name.
    """

    TABLE: ClassVar[str] = "time_dependent"
    endpoint: str
    exposure: str
    counts_if: tuple[Criterion, ...] = ()
    adjust: str = ""
    strata: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupBlock(Analysis):
    """One effect within subgroups, with a test of interaction for each way to divide patients.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        effect: the element whose effect it is; of two groups, or a number.
        within: the elements that divide patients.
        cuts: where numeric ones are cut; at their median unless given.
        adjust: further covariates of every model: the right side of a formula.
        strata: elements with a baseline hazard per group.
    """

    TABLE: ClassVar[str] = "subgroups"
    endpoint: str
    effect: str
    within: tuple[str, ...]
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    adjust: str = ""
    strata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanBlock(Grouped):
    """Mean survival up to a horizon, by group (restricted mean survival time).

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        horizon: up to when, in the time unit of the report.
    """

    TABLE: ClassVar[str] = "rmst"
    endpoint: str
    horizon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesBlock(Followed):
    """Where everybody is over time, in the states of a course.

    Attributes:
        course: "remission" (diagnosis, remission, relapse, deaths) or "transplant" (with a
            transplant in first remission as a state of its own).
        at: when shares are printed, in the time unit of the report.
        until: where the time axis ends, in that unit; 0 for the last of `at`.
    """

    TABLE: ClassVar[str] = "states"
    course: str = "remission"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComutationBlock(Analysis):
    """Which findings come together more often than chance has it: Fisher's test of every pair.

    Attributes:
        elements: the findings.
        carriers: how many must carry a finding for it to be tested.
    """

    TABLE: ClassVar[str] = "comutation"
    elements: tuple[str, ...]
    carriers: float = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionBlock(Analysis):
    """How well an endpoint is predicted: Harrell's C on patients that no step of a model has seen.

    Gaps are filled, findings that are too rare dropped, inputs scaled and chosen, variances and
    penalties estimated anew among the training patients of each split. Splits are drawn from the
    plan's seed.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        groups: the inputs, elements in groups; random effects have a mean and a variance for each.
        models: which are judged: "cox", "lasso", "random effects", "forest".
        logarithms: numbers that enter as their logarithm.
        ordered: categories that enter as the position of their value.
        carriers: findings of fewer carriers among the training patients are left out.
        pairs: random effects also take the pairs of findings that so many training patients carry
            together, as a group of their own; 0 for none.
        splits: how many random splits there are; 0 for none.
        share: the share of patients that each of them tests.
        leave_out: the element whose groups are left out one at a time, such as "study".
    """

    TABLE: ClassVar[str] = "prediction"
    endpoint: str
    models: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    logarithms: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    carriers: float = 5
    pairs: float = 0
    splits: float = 20
    share: float = 0.2
    leave_out: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The elements that models may use."""
        return tuple(name for names in self.groups.values() for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedBlock(Analysis):
    """Groups nobody drew lots for, weighted to be alike (inverse probability of treatment).

    One group is compared with each of the others. For each pair the chance of being in it is
    estimated from what was known at the origin; patients weighted by its inverse stand for one
    population.

    Attributes:
        endpoint: an endpoint of the disease, such as "os".
        by: the element whose groups are compared, such as "study".
        given: what the group may depend on: the right side of a formula.
        treated: the value of `by` that is compared with each other one; the last unless given.
        estimand: whom the weighted patients stand for: "ate" everybody of the pair, "att" the
            treated, "atc" the others, "overlap" and "matching" those who could have been either.
        truncate: the two quantiles to which weights are drawn in; none unless given.
        at: when survival is printed, in the time unit of the report.
    """

    TABLE: ClassVar[str] = "weighted"
    endpoint: str
    by: str
    given: str
    treated: str = ""
    estimand: Estimand = "ate"
    truncate: tuple[float, ...] = ()
    at: tuple[float, ...] = (1.0, 3.0, 5.0)


PREDICTORS = ("cox", "lasso", "random effects", "forest")
"""The models that a prediction can name; the forest needs the extra `trees`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A named part of the cohort.

    Attributes:
        name: what blocks call it.
        criteria: who belongs to it.
        key: where it stands in the file, for messages.
    """

    TABLE: ClassVar[str] = "population"
    name: str
    criteria: tuple[Criterion, ...]
    key: str = _key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """A named change of the plan, under which analyses are run again.

    Attributes:
        name: what the change is called.
        of: titles of the blocks that are run again; every analysis unless named.
        criteria: criteria that the cohort must meet besides.
        endpoints: endpoints that take another's place, by name.
        missing: what models do about missing covariates, or empty for no change.
        late_entry: what is done about late entry, or empty for no change.
        key: where it stands in the file, for messages.
    """

    TABLE: ClassVar[str] = "sensitivity"
    name: str
    of: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    missing: MissingData | None = None
    late_entry: LateEntry | None = None
    key: str = _key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """What sources may differ in and are pooled in spite of it.

    Attributes:
        origins: time origins that are pooled, such as diagnosis and randomisation.
        definitions: endpoints whose definition is each source's own.
    """

    origins: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


Block = (
    Baseline
    | SurvivalBlock
    | CoxBlock
    | CompetingBlock
    | LandmarkBlock
    | TimeDependentBlock
    | SubgroupBlock
    | MeanBlock
    | StatesBlock
    | ComutationBlock
    | PredictionBlock
    | WeightedBlock
)
"""An analysis of a plan."""


def covariates(terms: str) -> tuple[str, ...]:
    """The columns that the right side of a formula needs.

    >>> covariates("log(wbc) + NPM1:FLT3_ITD"), covariates("")
    (('wbc', 'NPM1', 'FLT3_ITD'), ())
    """
    return read_formula(f"Surv(days, event) ~ {terms}").covariates if terms else ()
