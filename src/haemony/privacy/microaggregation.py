"""Microaggregation: numbers of at least k people replaced by their mean, at the least error.

For one column the optimum is found by dynamic programming: in an optimal partition groups are
consecutive in order and have between k and 2k − 1 members (Hansen & Mukherjee 2003, IEEE TKDE
15:1043). Models fitted to the result change far less than with intervals of the same group size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haemony.model.errors import UsageError

Floats = NDArray[np.float64]


class TooFew(UsageError):
    """There are fewer numbers than one group needs."""

    def __init__(self, numbers: int, k: int) -> None:
        self.numbers, self.k = numbers, k
        super().__init__(f"{numbers} numbers make no group of {k}; merge groups, or suppress them")


def microaggregate(numbers: Floats, k: int) -> Floats:
    """Replace numbers by the means of groups of at least k, with the least squared error.

    Equal numbers may fall into two groups; the partition of the ordered numbers is optimal.

    Args:
        numbers: (n,) finite, n ≥ k.
        k: Members of a group at least.

    Returns:
        (n,) the mean of each number's group.

    Raises:
        TooFew: When n < k.

    Example:
        >>> microaggregate(np.array([61.0, 20, 22, 60, 62]), 2).tolist()
        [61.0, 21.0, 21.0, 61.0, 61.0]
    """
    count = len(numbers)
    if count < k:
        raise TooFew(count, k)
    order = np.argsort(numbers, kind="stable")
    ordered = np.asarray(numbers, dtype=np.float64)[order]
    result = np.empty(count)
    starts = _starts(ordered, k)
    for start, stop in zip(starts, [*starts[1:], count], strict=True):
        result[order[start:stop]] = ordered[start:stop].mean()
    return result


def _starts(ordered: Floats, k: int) -> list[int]:
    """Where the groups of the optimal partition begin."""
    count = len(ordered)
    centred = ordered - ordered.mean()
    sums = np.concatenate(([0.0], np.cumsum(centred)))
    squares = np.concatenate(([0.0], np.cumsum(centred**2)))
    least = np.full(count + 1, np.inf)
    least[0] = 0.0
    begin = np.zeros(count + 1, dtype=np.int64)
    for stop in range(k, count + 1):
        first = np.arange(max(0, stop - 2 * k + 1), stop - k + 1)
        inside = sums[stop] - sums[first]
        spread = squares[stop] - squares[first] - inside**2 / (stop - first)
        errors = least[first] + spread
        best = int(errors.argmin())
        least[stop], begin[stop] = errors[best], first[best]
    starts, stop = [], count
    while stop:
        stop = int(begin[stop])
        starts.append(stop)
    return starts[::-1]
