"""Published margins of acute myeloid leukaemia: all that the generator knows of real patients.

``aml_margins.csv`` holds counts, shares, medians and hazard ratios, each with its source; shares
within a genomic class are listed where at least five patients of the class carry the feature, and
pooled over the other classes elsewhere. The sources:

- *Papaemmanuil 2016*: Papaemmanuil E et al. Genomic classification and prognosis in acute myeloid
  leukemia. N Engl J Med 2016;374:2209-21; aggregates over the 1,540 patients whose tables came with
  Gerstung M et al. Nat Genet 2017;49:332-40.
- *Stone 2017*: Stone RM et al. Midostaurin plus chemotherapy for acute myeloid leukemia with a FLT3
  mutation. N Engl J Med 2017;377:454-64 (RATIFY).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from haemony.model.errors import UsageError
from haemony.model.tables import rows

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ELSEWHERE = "every other class"


class NoMargin(UsageError):
    """The table of margins does not hold what was asked for."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        super().__init__(
            f"aml_margins.csv holds no margin {feature!r}; add a line with its source, or correct "
            "the name"
        )


@dataclass(frozen=True)
class Margins:
    """Published figures by feature and group.

    Attributes:
        figures: For each feature its figure in every group; the group is empty where there is one.

    Example:
        >>> aml_margins().one("overall survival median (d)")
        850.0
    """

    figures: Mapping[str, Mapping[str, float]]

    def of(self, feature: str) -> Mapping[str, float]:
        """All groups of a feature with their figures.

        Raises:
            NoMargin: When there is no such feature.
        """
        try:
            return self.figures[feature]
        except KeyError:
            raise NoMargin(feature) from None

    def one(self, feature: str) -> float:
        """The figure of a feature that has no groups."""
        try:
            return self.of(feature)[""]
        except KeyError:
            raise NoMargin(feature) from None

    @property
    def classes(self) -> tuple[str, ...]:
        """The genomic classes, in the order of the table."""
        return tuple(self.of("class patients"))

    def by_class(self, feature: str) -> Floats:
        """The figure of a feature in every class, in the order of :attr:`classes`."""
        figures = self.of(feature)
        elsewhere = figures.get(ELSEWHERE, 0.0)
        return np.array([figures.get(name, elsewhere) for name in self.classes])

    def starting(self, prefix: str) -> tuple[str, ...]:
        """What follows a prefix in the features' names, in the order of the table."""
        return tuple(name.removeprefix(prefix) for name in self.figures if name.startswith(prefix))

    def shares(self, feature: str) -> tuple[tuple[str, ...], Floats]:
        """The groups of a counted feature, and the share of each."""
        counted = self.of(feature)
        counts = np.array(list(counted.values()))
        return tuple(counted), counts / counts.sum()


@cache
def aml_margins() -> Margins:
    """The margins of acute myeloid leukaemia."""
    figures: dict[str, dict[str, float]] = {}
    for _, row in rows(files("haemony.analysis.synthetic") / "aml_margins.csv"):
        figures.setdefault(row["feature"], {})[row["group"]] = float(row["value"])
    return Margins(figures)
