"""Effects that bend: natural and restricted cubic splines for formulas.

Hastie TJ (1992) Generalized additive models, in Statistical Models in S. Harrell FE (2015)
Regression Modeling Strategies, section 2.4. Both are cubic between knots and straight beyond the
outer ones; they differ in their basis and in where they place knots by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from formulaic.materializers.types import FactorValues
from formulaic.utils.stateful_transforms import stateful_transform
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from scipy.linalg import qr

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate

ORDER = 4
HARRELL = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 11 / 60, 0.3417, 0.5, 0.6583, 49 / 60, 0.975),
}
"""Quantiles at which restricted cubic splines have their knots (Harrell 2015, table 2.3)."""


def natural_basis(x: Floats, inner: Floats, ends: tuple[float, float]) -> Floats:
    """The natural cubic spline basis (n, inner + 1) of R's `splines::ns`, without intercept.

    Args:
        x: (n,) values; beyond the ends the basis is straight.
        inner: knots between the ends.
        ends: the boundary knots.

    >>> natural_basis(np.array([0.0, 5.0, 10.0]), np.array([5.0]), (0.0, 10.0)).shape
    (3, 2)
    """
    knots = np.concatenate([[ends[0]] * ORDER, np.sort(inner), [ends[1]] * ORDER])
    size = len(knots) - ORDER
    spline = BSpline(knots, np.eye(size), ORDER - 1)
    held = np.clip(x, *ends)
    values = spline(held) + (x - held)[:, None] * spline(held, nu=1)
    bends = spline(np.array(ends), nu=2)[:, 1:]
    rotation = qr(bends.T)[0]
    return np.asarray((values[:, 1:] @ rotation)[:, 2:])


def restricted_basis(x: Floats, knots: Floats) -> Floats:
    """Harrell's restricted cubic spline basis (n, knots - 1): x, and what bends between the knots.

    >>> restricted_basis(np.array([1.0, 4.0]), np.array([1.0, 2.0, 3.0]))[:, 0]
    array([1., 4.])
    """
    first, beside, last = knots[0], knots[-2], knots[-1]

    def above(knot: float) -> Floats:
        return np.maximum(x - knot, 0.0) ** 3

    bent = [
        above(knot)
        - above(beside) * (last - knot) / (last - beside)
        + above(last) * (beside - knot) / (last - beside)
        for knot in knots[:-2]
    ]
    return np.column_stack([x, *(column / (last - first) ** 2 for column in bent)])


def _ns(
    data: Any,  # noqa: ANN401 any column that NumPy can read
    df: int | None = None,
    *,
    knots: Sequence[float] | None = None,
    ends: Sequence[float] | None = None,
    _state: dict[str, Any],
) -> FactorValues[dict[int, Floats]]:
    """`ns(x, df=3)`: a natural cubic spline with df columns, knots at quantiles as in R."""
    x = _numbers(data)
    if "ends" not in _state:
        _state["ends"] = (float(x.min()), float(x.max())) if ends is None else _pair(ends)
        _state["knots"] = _quantile_knots(x, _state["ends"], df) if knots is None else _given(knots)
    return _columns(natural_basis(x, _state["knots"], _state["ends"]))


def _rcs(
    data: Any,  # noqa: ANN401 any column that NumPy can read
    knots: int | Sequence[float] = 4,
    *,
    _state: dict[str, Any],
) -> FactorValues[dict[int, Floats]]:
    """`rcs(x, 4)`: a restricted cubic spline with four knots, or with the knots given."""
    x = _numbers(data)
    if "knots" not in _state:
        _state["knots"] = _harrell_knots(x, knots) if isinstance(knots, int) else _given(knots)
        if len(_state["knots"]) < 3:
            raise BadCovariate("rcs", reason="needs at least three knots", remedy="give more")
    return _columns(restricted_basis(x, _state["knots"]))


ns: Callable[..., Any] = stateful_transform(_ns)
rcs: Callable[..., Any] = stateful_transform(_rcs)


def _numbers(data: ArrayLike) -> Floats:
    try:
        return np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadCovariate(
            "the argument of a spline", reason="is not a number", remedy="use numeric columns only"
        ) from error


def _pair(ends: Sequence[float]) -> tuple[float, float]:
    low, high = _given(ends)
    return float(low), float(high)


def _given(knots: Sequence[float]) -> Floats:
    found = np.asarray(knots, dtype=np.float64)
    if found.ndim != 1 or np.any(np.diff(found) <= 0):
        raise BadCovariate(
            "knots", reason="are not in ascending order", remedy="write them as [10, 20, 30]"
        )
    return found


def _quantile_knots(x: Floats, ends: tuple[float, float], df: int | None) -> Floats:
    wanted = 1 if df is None else df
    if wanted < 1:
        raise BadCovariate("df", reason="is less than 1", remedy="give 1 for a straight line")
    inside = x[(x >= ends[0]) & (x <= ends[1])]
    found = np.quantile(inside, np.linspace(0, 1, wanted + 1)[1:-1])
    return _distinct(found, ends)


def _harrell_knots(x: Floats, count: int) -> Floats:
    if count not in HARRELL:
        raise BadCovariate(
            "rcs",
            reason=f"cannot place {count} knots by itself",
            remedy="choose 3 to 7, or give them",
        )
    return _distinct(np.quantile(x, HARRELL[count]), None)


def _distinct(knots: Floats, ends: tuple[float, float] | None) -> Floats:
    fence = knots if ends is None else np.concatenate([[ends[0]], knots, [ends[1]]])
    if np.any(np.diff(fence) <= 0):
        raise BadCovariate(
            "a spline",
            reason="has two knots at one value, because many patients share it",
            remedy="use fewer knots, or give them as knots=[...]",
        )
    return knots


def _columns(basis: Floats) -> FactorValues[dict[int, Floats]]:
    return FactorValues(
        {i + 1: column for i, column in enumerate(basis.T)},
        kind="numerical",
        spans_intercept=False,
        format="{name}[{field}]",
        encoded=False,
    )
