"""Adjusts p-values for how many were asked for.

Benjamini Y, Hochberg Y (1995) Controlling the false discovery rate. JRSS B 57:289-300. Benjamini Y,
Yekutieli D (2001) The control of the false discovery rate under dependency. Annals of Statistics
29:1165-1188. Holm S (1979) A simple sequentially rejective multiple test procedure. Scandinavian
Journal of Statistics 6:65-70.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate

Method = Literal["BH", "BY", "holm", "bonferroni"]


def adjust(p: ArrayLike, method: Method = "BH") -> Floats:
    """Adjusted p-values (m,), as R's `p.adjust`; NaN stay and do not count.

    Args:
        p: (m,) p-values.
        method: "BH" and "BY" bound the share of false ones among those called, "holm" and
            "bonferroni" the chance of any.

    >>> adjust([0.01, 0.02, 0.03, 0.5])
    array([0.04, 0.04, 0.04, 0.5 ])
    """
    if method not in get_args(Method):
        raise BadCovariate(
            "method", reason="is unknown", remedy=f"choose one of {', '.join(get_args(Method))}"
        )
    given = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(given)
    if not ((given[known] >= 0) & (given[known] <= 1)).all():
        raise BadCovariate(
            "p", reason="holds numbers outside 0 to 1", remedy="give p-values, NaN where unknown"
        )
    adjusted = np.full(given.shape, np.nan)
    adjusted[known] = _adjusted(given[known], method)
    return adjusted


def _adjusted(p: Floats, method: Method) -> Floats:
    m = len(p)
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, m + 1)
    if method == "bonferroni":
        return np.minimum(m * p, 1.0)
    ordered = p[order]
    if method == "holm":
        steps = np.maximum.accumulate((m - rank + 1) * ordered)
    else:
        factor = float(np.sum(1 / rank)) if method == "BY" else 1.0
        steps = np.minimum.accumulate((factor * m / rank * ordered)[::-1])[::-1]
    result = np.empty(m)
    result[order] = np.minimum(steps, 1.0)
    return result
