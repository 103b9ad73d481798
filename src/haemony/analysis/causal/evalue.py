"""How strong an unmeasured confounder would have to be to explain an effect away.

VanderWeele TJ, Ding P (2017) Sensitivity analysis in observational research: introducing the
E-value. Annals of Internal Medicine 167:268-274.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate

Measure = Literal["risk ratio", "odds ratio", "hazard ratio"]


@dataclass(frozen=True, slots=True)
class EValue:
    """The E-value of an estimate and of its confidence limit nearer to no effect.

    Attributes:
        estimate: as a risk ratio.
        point: the strength, as a risk ratio with exposure and outcome each, that explains it away.
        limit: the strength that moves the confidence interval to one; 1 if it is there already.
        notes: how the risk ratio was obtained.
    """

    estimate: float
    point: float
    limit: float | None
    notes: tuple[str, ...]

    def table(self) -> pl.DataFrame:
        """One row: risk_ratio, e_value, e_value_limit."""
        row = {"risk_ratio": self.estimate, "e_value": self.point, "e_value_limit": self.limit}
        return pl.DataFrame([row], schema=dict.fromkeys(row, pl.Float64))

    def __str__(self) -> str:
        """Both E-values in one line."""
        limit = "" if self.limit is None else f", of the confidence limit {self.limit:.2f}"
        return f"E-value {self.point:.2f}{limit}"


def e_value(
    estimate: float,
    lower: float | None = None,
    upper: float | None = None,
    *,
    measure: Measure = "risk ratio",
    rare: bool = False,
) -> EValue:
    """The E-value of a ratio and of its confidence interval.

    Args:
        estimate: the ratio.
        lower: its lower confidence limit.
        upper: its upper confidence limit.
        measure: what kind of ratio it is.
        rare: whether under 15 % have the outcome, so that odds and hazard ratios are risk ratios.

    >>> round(e_value(3.9, 1.8, 8.7).point, 2), round(e_value(3.9, 1.8, 8.7).limit, 1)
    (7.26, 3.0)
    """
    check_choice(measure, "measure", get_args(Measure))
    given = [value for value in (lower, estimate, upper) if value is not None]
    if estimate is None or not all(map(_is_ratio, given)) or given != sorted(given):
        raise BadCovariate(
            "estimate",
            reason="is not a positive ratio between its limits",
            remedy="give lower <= estimate <= upper, all above zero",
        )
    as_risk = _CONVERSIONS[measure] if not rare else _same
    notes = () if rare or measure == "risk ratio" else (f"{measure} of a common outcome",)
    point = as_risk(estimate)
    near = lower if estimate > 1 else upper
    limit = None
    if near is not None:
        crosses = (near - 1) * (estimate - 1) <= 0
        limit = 1.0 if crosses else _strength(as_risk(near))
    return EValue(point, _strength(point), limit, notes)


def _is_ratio(value: float) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and 0 < value < math.inf


def _strength(ratio: float) -> float:
    ratio = 1 / ratio if ratio < 1 else ratio
    return ratio + math.sqrt(ratio * (ratio - 1))


def _same(ratio: float) -> float:
    return ratio


def _from_hazard(ratio: float) -> float:
    return float((1 - 0.5 ** math.sqrt(ratio)) / (1 - 0.5 ** math.sqrt(1 / ratio)))


_CONVERSIONS = {"risk ratio": _same, "odds ratio": math.sqrt, "hazard ratio": _from_hazard}
