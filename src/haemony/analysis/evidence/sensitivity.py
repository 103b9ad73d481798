"""The same numbers under a change of the plan."""

from __future__ import annotations

from dataclasses import dataclass

from haemony.analysis.blocks import Sensitivity
from haemony.analysis.cohorts import Cohort
from haemony.analysis.evidence.effects import Effect


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
