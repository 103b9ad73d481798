"""What a causal analysis can refuse."""

from __future__ import annotations

from collections.abc import Sequence

from haemony.analysis.survival.faults import BadCovariate
from haemony.model.errors import HaemonyError, UsageError


class LooksAhead(UsageError):
    """Eligibility or a confounder uses what is known only after time zero."""

    def __init__(self, columns: Sequence[str], *, role: str, origin: str) -> None:
        self.columns, self.role, self.origin = tuple(columns), role, origin
        super().__init__(
            f"{role} uses {', '.join(columns)}, which is not known at time zero ({origin}); "
            f"choose by what was known then, or move time zero"
        )


class NoOverlap(HaemonyError):
    """Treated and untreated patients share no range of the propensity score."""

    def __init__(self, treatment: str, covariates: Sequence[str]) -> None:
        self.treatment, self.covariates = treatment, tuple(covariates)
        because = f" ({', '.join(covariates)} decides it)" if covariates else ""
        super().__init__(
            f"no patient could have been in either group of {treatment!r}{because}; "
            f"restrict the study to patients who could have received both"
        )


class NobodyLeft(HaemonyError):
    """One of the strategies that a trial compares has no patients or no events to compare."""

    def __init__(self, strategy: str, *, remedy: str) -> None:
        self.strategy = strategy
        super().__init__(f"nobody follows the strategy {strategy!r}; {remedy}")


def refuse_own(columns: Sequence[str], own: Sequence[str]) -> None:
    """Refuse columns that an analysis would write over.

    Raises:
        BadCovariate: one has a name that the analysis needs itself.
    """
    for name in columns:
        if name in own:
            raise BadCovariate(
                name, reason="is a name that the analysis needs itself", remedy="rename the column"
            )
