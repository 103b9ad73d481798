"""What an assessment of predictions can refuse, beside the faults of the survival analyses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate
from haemony.model.errors import EnvironmentFault, HaemonyError


class BadRisks(BadCovariate):
    """What a model predicts cannot be judged: the wrong shape, or no probabilities."""


class BadSplits(BadCovariate):
    """A division of patients into training and test parts cannot be made or read."""


class NoFitSucceeded(HaemonyError):
    """A learner failed in every split of a resampling."""

    def __init__(self, learner: str, *, splits: int, first: str) -> None:
        self.learner, self.splits, self.first = learner, splits, first
        super().__init__(
            f"{learner!r} could not be fitted or judged in any of {splits} splits; the first said: "
            f"{first}"
        )


class MissingLibrary(EnvironmentFault):
    """A learner needs a library that is not installed."""

    def __init__(self, learner: str, *, library: str, packages: Sequence[str]) -> None:
        self.learner, self.library, self.packages = learner, library, tuple(packages)
        super().__init__(
            f"{learner} needs the library {library}, which is not installed; "
            f"install {' or '.join(packages)}"
        )


def check_choice(name: str, given: str, known: Sequence[str]) -> None:
    """Refuse an option that is none of those known.

    Raises:
        BadRisks: it is none of them.
    """
    if given not in known:
        raise BadRisks(
            name, reason="is not a known choice", remedy=f"choose {' or '.join(map(repr, known))}"
        )


def floats(name: str, given: object) -> Floats:
    """An array of numbers, NaN where missing.

    Raises:
        BadRisks: it holds something else.
    """
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadRisks(name, reason="is not numeric", remedy="give numbers") from None
