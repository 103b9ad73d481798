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


def number(value: float, name: str) -> float:
    """One finite number.

    Raises:
        BadCovariate: it is several, none, or not finite.

    >>> number(365, "horizon")
    365.0
    """
    given = figures(value, name, remedy="give one number")
    if given.size != 1 or not np.isfinite(given).all():
        raise BadCovariate(name, reason="is not one finite number", remedy="give one number")
    return float(given.item())
