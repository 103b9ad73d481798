"""Groups weighted to be alike, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis import survival
from haemony.analysis.blocks import WeightedBlock
from haemony.analysis.clocks import Clock
from haemony.analysis.evidence.effects import Regression


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
