"""Ratios and differences with their limits, and the models they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from haemony.analysis import survival
from haemony.analysis.blocks import CoxBlock, SubgroupBlock, TimeDependentBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.regression.cox import ChiSquared


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
        note: why there is no estimate, or what its limits leave out; empty otherwise.
    """

    label: str
    value: float | None
    lower: float | None
    upper: float | None
    p: float | None
    n: int
    events: int
    note: str = ""


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
            _shared([self.labels[at] for at in position]) or term
            for term, position in self.fit.data.terms
        )


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
        label: what it is the effect of: the element, and which value against which.
        overall: the effect in everybody.
        parts: per element of `within`, its subgroups.
        missing: members left out of the overall model, and why.
    """

    block: SubgroupBlock
    clock: Clock
    label: str
    overall: Effect
    parts: tuple[SubgroupsOf, ...]
    missing: survival.Missing


def _shared(labels: Sequence[str]) -> str:
    """What the coefficients of one term are called together; empty where they share no name."""
    if len(labels) == 1:
        return labels[0]
    heads = {label.partition(", ")[0] for label in labels}
    return heads.pop() if len(heads) == 1 and not any(" × " in label for label in labels) else ""
