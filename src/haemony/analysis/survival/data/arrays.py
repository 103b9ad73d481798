"""Names for the array types that the survival analyses pass around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Flags = NDArray[np.bool_]


def constant(value: float, n: int) -> Floats:
    """(n,) one number for each of n rows, not to be written to, in the memory of a single one.

    >>> constant(1.0, 3)
    array([1., 1., 1.])
    """
    return np.broadcast_to(np.float64(value), (n,))
