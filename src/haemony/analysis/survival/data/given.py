"""Numbers that a caller hands over as such, looked at once at the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from haemony.analysis.survival.data.arrays import Floats
from haemony.analysis.survival.faults import BadCovariate


def figures(values: ArrayLike, name: str, *, remedy: str = "give numbers") -> Floats:
    """What was given as floats of the same shape; NaN stays NaN.

    Raises:
        BadCovariate: it holds texts, dates, truth values or nothing at all; no value is told.

    >>> figures([1, 2.5], "estimates")
    array([1. , 2.5])
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise BadCovariate(name, reason="has rows of different lengths", remedy=remedy) from error
    if array.dtype.kind not in "iuf":
        raise BadCovariate(name, reason="holds something else than numbers", remedy=remedy)
    return np.asarray(array, dtype=np.float64)


def finite(values: ArrayLike, name: str) -> Floats:
    """What was given as floats of the same shape, truth values as 0 and 1.

    Raises:
        BadCovariate: it holds texts or dates, or numbers are missing or infinite.

    >>> finite([True, False], "treated")
    array([1., 0.])
    """
    array = np.asarray(values)
    found = figures(array.astype(np.float64) if array.dtype.kind == "b" else array, name)
    if not np.isfinite([found.min(initial=0.0), found.max(initial=0.0)]).all():
        raise BadCovariate(
            name,
            reason="hold missing or infinite values",
            remedy="leave these rows out, or impute them",
        )
    return found


def times_asked(times: ArrayLike, name: str = "times") -> Floats:
    """Times (m,) at which something is asked for; one alone will do, and infinity is late.

    Raises:
        BadCovariate: some are no numbers.

    >>> times_asked(365)
    array([365.])
    """
    remedy = "give times in the unit of the follow-up, such as [365, 1095]"
    wanted = np.atleast_1d(figures(times, name, remedy=remedy))
    if wanted.ndim != 1:
        raise BadCovariate(name, reason=f"has {wanted.ndim} dimensions", remedy=remedy)
    strange = int(np.count_nonzero(np.isnan(wanted)))
    if strange:
        count = "a time that is" if strange == 1 else f"{strange} times that are"
        raise BadCovariate(name, reason=f"holds {count} not a number", remedy=remedy)
    return wanted


def number(
    value: float,
    name: str,
    *,
    above: float = -np.inf,
    least: float = -np.inf,
    below: float = np.inf,
    most: float = np.inf,
) -> float:
    """One finite number within bounds.

    Raises:
        BadCovariate: it is several, none, not finite, or out of bounds.

    >>> number(365, "horizon", above=0)
    365.0
    """
    given = figures(value, name, remedy="give one number")
    if given.ndim or not np.isfinite(given):
        raise BadCovariate(name, reason="is not one finite number", remedy="give one number")
    found = float(given.item())
    if not (above < found < below and least <= found <= most):
        bounds = {"above": above, "from": least, "below": below, "up to": most}
        said = ", ".join(
            f"{word} {bound:g}" for word, bound in bounds.items() if np.isfinite(bound)
        )
        raise BadCovariate(name, reason="is out of bounds", remedy=f"give a number {said}")
    return found


def whole_number(value: object, name: str, *, least: int, most: int | None = None) -> int:
    """One whole number within bounds.

    Raises:
        BadCovariate: it is none, or out of bounds.

    >>> whole_number(np.int64(20), "draws", least=0)
    20
    """
    counted = isinstance(value, int | np.integer) and not isinstance(value, bool)
    found = int(str(value)) if counted else least - 1
    if found < least or (most is not None and found > most):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        usual = max(least, 20) if most is None else min(max(least, 20), most)
        raise BadCovariate(name, reason=f"is no whole number {bounds}", remedy=f"give {usual}")
    return found


def generator(seed: int) -> np.random.Generator:
    """Random draws that start at a seed: the same seed gives the same draws, on any machine.

    Raises:
        BadCovariate: the seed is no whole number from 0 on.

    >>> generator(1).integers(10)
    np.int64(4)
    """
    return np.random.default_rng(whole_number(seed, "seed", least=0))
