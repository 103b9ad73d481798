"""Pointwise confidence limits for probabilities, on the scales that R's `survfit` offers.

Borgan O, Liestøl K (1990) A note on confidence intervals and bands for the survival function
based on transformations. Scandinavian Journal of Statistics 17:35-41.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import expit, logit, ndtri

from haemony.analysis.survival.data.arrays import Flags, Floats
from haemony.analysis.survival.data.given import number
from haemony.analysis.survival.faults import BadCovariate

ConfType = Literal["log", "log-log", "plain", "arcsin", "logit"]


def normal_quantile(level: float) -> float:
    """The two-sided standard normal quantile of a confidence level.

    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    share = number(level, "level")
    quantile = float(ndtri((1 + share) / 2))
    if not 0 < share < 1 or np.isinf(quantile):
        raise BadCovariate("level", reason="is not between 0 and 1", remedy="give for example 0.95")
    return quantile


def confidence_limits(
    probability: Floats, log_se: Floats, conf_type: ConfType, level: float
) -> tuple[Floats, Floats]:
    """Lower and upper limits (n,) of probabilities (n,).

    Args:
        probability: (n,) estimates in [0, 1].
        log_se: (n,) standard errors of the logarithm of the estimates.
        conf_type: the scale on which the interval is symmetric.
        level: the coverage, for example 0.95.

    Returns:
        Limits within [0, 1]; NaN where the scale does not define them (a survival of 0).
    """
    if conf_type not in _SCALES:
        raise BadCovariate(
            "conf_type", reason="is not a known scale", remedy=f"choose one of {', '.join(_SCALES)}"
        )
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower, upper = _SCALES[conf_type](probability, z * log_se)
    return lower, upper


def _plain(p: Floats, width: Floats) -> tuple[Floats, Floats]:
    return np.maximum(p - p * width, 0.0), np.minimum(p + p * width, 1.0)


def _log(p: Floats, width: Floats) -> tuple[Floats, Floats]:
    p = np.where(p == 0, np.nan, p)
    return p * np.exp(-width), np.minimum(p * np.exp(width), 1.0)


def _log_log(p: Floats, width: Floats) -> tuple[Floats, Floats]:
    inner = np.where(_at_an_end(p), np.nan, p)
    centre, half = np.log(-np.log(inner)), width / np.log(inner)
    return _at_one(p, np.exp(-np.exp(centre - half))), _at_one(p, np.exp(-np.exp(centre + half)))


def _logit(p: Floats, width: Floats) -> tuple[Floats, Floats]:
    inner = np.where(_at_an_end(p), np.nan, p)
    centre, half = logit(inner), width / (1 - inner)
    return _at_one(p, expit(centre - half)), _at_one(p, expit(centre + half))


def _arcsin(p: Floats, width: Floats) -> tuple[Floats, Floats]:
    inner = np.where(p == 0, np.nan, p)
    centre = np.arcsin(np.sqrt(p))
    half = np.where(p == 1, 0.0, 0.5 * width * np.sqrt(inner / (1 - inner)))
    lower = np.sin(np.maximum(centre - half, 0.0)) ** 2
    return lower, np.sin(np.minimum(centre + half, np.pi / 2)) ** 2


def _at_an_end(p: Floats) -> Flags:
    return np.isin(p, (0.0, 1.0))


def _at_one(p: Floats, limit: Floats) -> Floats:
    return np.where(p == 1, 1.0, limit)


_SCALES: dict[str, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "log": _log,
    "log-log": _log_log,
    "plain": _plain,
    "arcsin": _arcsin,
    "logit": _logit,
}
