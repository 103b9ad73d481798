"""A whole plan as one frozen value, and the text of the file that reads back as it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from haemony.analysis import toml
from haemony.analysis.blocks import (
    Baseline,
    Block,
    CompetingBlock,
    ComutationBlock,
    CoxBlock,
    LandmarkBlock,
    LateEntry,
    MeanBlock,
    MissingData,
    Pooling,
    Population,
    PredictionBlock,
    Sensitivity,
    StatesBlock,
    SubgroupBlock,
    SurvivalBlock,
    TimeDependentBlock,
    WeightedBlock,
)
from haemony.analysis.cohorts import Criterion
from haemony.analysis.protocol.checks import check_block, check_names
from haemony.analysis.protocol.uses import of_block, of_criteria


class TimeUnit(StrEnum):
    """The unit in which a report shows time; estimates are made in days."""

    YEARS = "years"
    MONTHS = "months"
    DAYS = "days"

    @property
    def days(self) -> float:
        """Days in one of these (a year has 365.25, a month a twelfth of it)."""
        return {"years": 365.25, "months": 365.25 / 12, "days": 1.0}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A whole study, before it is run.

    Attributes:
        title: what the study is called.
        question: what it asks, in plain words.
        seed: where random draws start; recorded even where nothing is drawn.
        release: the number of the release it uses, or None for the latest.
        minimum_cell: counts from 1 to one less than this are not written out; 1 hides nothing.
        time_unit: the unit of time axes.
        missing: what models do with patients who lack a covariate.
        late_entry: what is done about patients who came under observation after day 0.
        published: the day on which the results are published, or empty; packages carry it.
        pooling: in what sources may differ and are pooled in spite of it.
        criteria: who belongs to the cohort, in the order of application.
        populations: named parts of the cohort.
        baselines: the baseline tables.
        survival: the Kaplan–Meier blocks.
        means: the blocks of restricted means.
        competing: the blocks of competing risks.
        models: the Cox blocks.
        landmarks: the landmark analyses.
        time_dependent: the models of exposures that begin during follow-up.
        subgroups: the subgroup analyses.
        states: where everybody is over time.
        comutations: which findings come together.
        predictions: how well endpoints are predicted.
        weighted: groups weighted to be alike.
        sensitivities: changes of the plan under which it is run again.
        text: the file as it was read, or as it would be written.

    Example:
        >>> from haemony.analysis.protocol import parse
        >>> block = SurvivalBlock(title="Everybody", endpoint="os")
        >>> made = Protocol(title="Survival", question="How long?", seed=1, survival=(block,))
        >>> parse(made.text) == made
        True
    """

    title: str
    question: str
    seed: int
    release: int | None = None
    minimum_cell: int = 5
    time_unit: TimeUnit = TimeUnit.YEARS
    missing: MissingData = MissingData.COMPLETE_CASES
    late_entry: LateEntry = LateEntry.MODEL
    published: str = ""
    pooling: Pooling = field(default_factory=Pooling)
    criteria: tuple[Criterion, ...] = ()
    populations: tuple[Population, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    survival: tuple[SurvivalBlock, ...] = ()
    means: tuple[MeanBlock, ...] = ()
    competing: tuple[CompetingBlock, ...] = ()
    models: tuple[CoxBlock, ...] = ()
    landmarks: tuple[LandmarkBlock, ...] = ()
    time_dependent: tuple[TimeDependentBlock, ...] = ()
    subgroups: tuple[SubgroupBlock, ...] = ()
    states: tuple[StatesBlock, ...] = ()
    comutations: tuple[ComutationBlock, ...] = ()
    predictions: tuple[PredictionBlock, ...] = ()
    weighted: tuple[WeightedBlock, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
    text: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        for attribute in BLOCKS:
            placed = tuple(
                replace(block, key=f"{block.TABLE}[{i}]")
                for i, block in enumerate(getattr(self, attribute), 1)
            )
            object.__setattr__(self, attribute, placed)
        names = [population.name for population in self.populations]
        for block in (*self.analyses, *self.sensitivities):
            check_block(block, names)
        check_names(self.populations, self.sensitivities, [one.title for one in self.analyses])
        if not self.text:
            object.__setattr__(self, "text", write(self))

    @property
    def sha256(self) -> str:
        """Hash of the file: the identity of the protocol."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def analyses(self) -> tuple[Block, ...]:
        """Every block that computes something, in the order of the report."""
        return (
            *self.baselines,
            *self.survival,
            *self.means,
            *self.competing,
            *self.models,
            *self.landmarks,
            *self.time_dependent,
            *self.subgroups,
            *self.states,
            *self.comutations,
            *self.predictions,
            *self.weighted,
        )

    def under(self, change: Sensitivity) -> Protocol:
        """The plan under one of its changes: the blocks it is about, on the cohort it leaves."""
        kept: dict[str, Any] = {
            name: tuple(
                _under(block, change) for block in getattr(self, name) if _concerns(change, block)
            )
            for name in ANALYSES
            if name not in UNTIMED
        }
        kept |= dict.fromkeys(UNTIMED, ())
        return replace(
            self,
            **kept,
            sensitivities=(),
            criteria=(*self.criteria, *change.criteria),
            missing=change.missing or self.missing,
            late_entry=change.late_entry or self.late_entry,
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints that are analysed, in order of mention."""
        return tuple(dict.fromkeys(name for _, name in self.asked))

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Every use of an endpoint: (key in the file, name)."""
        return (
            *(
                (f"{block.key}.endpoint", block.endpoint)
                for block in self.analyses
                if not isinstance(block, Baseline | StatesBlock | ComutationBlock)
            ),
            *(
                (f"{change.key}.endpoints", name)
                for change in self.sensitivities
                for pair in change.endpoints.items()
                for name in pair
            ),
        )

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        """Every use of an element or endpoint column: (key in the file, name)."""
        return tuple(
            (key, name)
            for key, names in (
                *of_criteria("cohort", self.criteria),
                *(u for p in self.populations for u in of_criteria(p.key, p.criteria)),
                *(u for block in self.analyses for u in of_block(block)),
                *(u for s in self.sensitivities for u in of_criteria(s.key, s.criteria)),
            )
            for name in names
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the study needs of a release, each once."""
        ends = [f"{name}_{part}" for name in self.endpoints for part in ("days", "event")]
        return tuple(dict.fromkeys([*ends, *(name for _, name in self.uses)]))


BLOCKS: Mapping[str, type[Any]] = {
    "populations": Population,
    "baselines": Baseline,
    "survival": SurvivalBlock,
    "means": MeanBlock,
    "competing": CompetingBlock,
    "models": CoxBlock,
    "landmarks": LandmarkBlock,
    "time_dependent": TimeDependentBlock,
    "subgroups": SubgroupBlock,
    "states": StatesBlock,
    "comutations": ComutationBlock,
    "predictions": PredictionBlock,
    "weighted": WeightedBlock,
    "sensitivities": Sensitivity,
}
"""Which attribute of a protocol holds which kind of block."""

ANALYSES = tuple(name for name in BLOCKS if name not in {"populations", "sensitivities"})
"""The attributes that hold analyses."""

UNTIMED = ("baselines", "states", "comutations", "predictions")
"""The attributes of analyses that no change runs again; they have no number to compare."""

HEAD: tuple[tuple[str, object], ...] = (
    ("title", None),
    ("question", None),
    ("seed", None),
    ("release", None),
    ("minimum_cell", 5),
    ("time_unit", TimeUnit.YEARS),
    ("missing", MissingData.COMPLETE_CASES),
    ("late_entry", LateEntry.MODEL),
    ("published", None),
)
"""The keys that stand before all blocks, with the value that need not be written."""


def write(protocol: Protocol) -> str:
    """The text of a `study.toml` that reads back as this protocol."""
    lines = [
        toml.line(name, getattr(protocol, name))
        for name, default in HEAD
        if name != "published" and getattr(protocol, name) != default
    ]
    if protocol.published:
        lines.append(f"published = {protocol.published}")
    parts = ["\n".join(lines)]
    if protocol.pooling != Pooling():
        parts.append(toml.table("[pooling]", protocol.pooling))
    parts += [toml.table("[[cohort]]", criterion) for criterion in protocol.criteria]
    parts += [
        toml.table(f"[[{block.TABLE}]]", block)
        for attribute in BLOCKS
        for block in getattr(protocol, attribute)
    ]
    return "\n\n".join(parts) + "\n"


def _concerns(change: Sensitivity, block: Block) -> bool:
    """Whether a block is run again: it is named, or none is and its endpoint may have changed."""
    if change.of:
        return block.title in change.of
    only_endpoints = not (change.criteria or change.missing or change.late_entry)
    return not only_endpoints or getattr(block, "endpoint", "") in change.endpoints


_Timed = TypeVar(
    "_Timed",
    SurvivalBlock,
    MeanBlock,
    CompetingBlock,
    CoxBlock,
    LandmarkBlock,
    TimeDependentBlock,
    SubgroupBlock,
    WeightedBlock,
)


def _under(block: _Timed, change: Sensitivity) -> _Timed:
    """A block with its endpoint changed."""
    return replace(block, endpoint=change.endpoints.get(block.endpoint, block.endpoint))
