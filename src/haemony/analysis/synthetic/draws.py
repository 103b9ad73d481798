"""Random draws that margins describe: log-normal times, quantiles, categories.

All draws turn uniform numbers of one generator into values by inverse distribution functions, so
the same seed gives the same patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from haemony.analysis.synthetic.margins import Flags, Floats, Integers, Margins

_SMALLEST = 1e-12


def generator(*seed: int) -> np.random.Generator:
    """A PCG64 generator; several numbers make one seed of their own."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def truncated_normal(
    uniform: Floats, mean: Floats | float, sd: Floats | float, low: float, high: float
) -> Floats:
    """Normal values between two limits.

    Args:
        uniform: Uniform numbers between 0 and 1.
        mean: Mean before truncation.
        sd: Standard deviation before truncation.
        low: Smallest value.
        high: Largest value.
    """
    start, end = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    level = np.clip(start + uniform * (end - start), _SMALLEST, 1 - _SMALLEST)
    return np.clip(mean + sd * ndtri(level), low, high)


def truncated_lognormal(
    uniform: Floats, median: Floats | float, log_sd: float, low: float, high: float
) -> Floats:
    """Log-normal values between two positive limits.

    Example:
        >>> round(float(truncated_lognormal(np.array([0.5]), 43.0, 0.67, 1.0, 1e6)[0]))
        43
    """
    return np.exp(truncated_normal(uniform, np.log(median), log_sd, np.log(low), np.log(high)))


def timed(
    rng: np.random.Generator, size: int, margins: Margins, name: str, low: float, high: float
) -> Floats:
    """Days from the log-normal distribution that the margins give under a name."""
    median, log_sd = margins.one(f"{name} median (d)"), margins.one(f"{name} log sd")
    return truncated_lognormal(rng.random(size), median, log_sd, low, high)


def from_quantiles(
    uniform: Floats, quantiles: Mapping[str, float], low: float, high: float
) -> Floats:
    """Values of a distribution known by some quantiles, straight lines between them."""
    levels = [0.0, *map(float, quantiles), 1.0]
    return np.interp(uniform, levels, [low, *quantiles.values(), high])


def positions(rng: np.random.Generator, size: int, shares: Floats) -> Integers:
    """Positions of categories, each drawn with its share."""
    edges = np.cumsum(shares) / np.sum(shares)
    found = np.searchsorted(edges, rng.random(size), side="right")
    return np.minimum(found, len(shares) - 1).astype(np.int64)


def choice(
    rng: np.random.Generator, size: int, names: Sequence[str], shares: Floats
) -> np.typing.NDArray[np.str_]:
    """Categories by name, each drawn with its share."""
    return np.array(names)[positions(rng, size, shares)]


def happens(rng: np.random.Generator, probability: Floats | float, size: int) -> Flags:
    """Whether each of independent events happens."""
    return np.asarray(rng.random(size) < probability)
