"""Counts, for many queries at once, how many points of a range lie below a bound.

The points are split by one bit of their rank after the other, highest first; a query follows its
bound down and collects the zeros it passes (a wavelet matrix: Claude F, Navarro G (2012) The
wavelet matrix, SPIRE 2012). Every level is a handful of vector operations, so m queries over n
points with ranks below 2^b cost O((n + m) b). Positions are held in 32 bits, for speed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haemony.analysis.survival.arrays import Floats, Integers

Positions = NDArray[np.signedinteger]


def sums_below(
    ranks: Integers, weights: Floats | None, begin: Integers, end: Integers, bound: Integers
) -> Floats:
    """Sums (m,) of the weights of the points at positions [begin, end) whose rank is below bound.

    Args:
        ranks: (n,) of the points, none negative.
        weights: (n,) of the points, or None for one each.
        begin: (m,) first position of each query.
        end: (m,) position after the last.
        bound: (m,) exclusive upper bound of the rank.

    >>> sums_below(np.array([2, 0, 1]), None, np.array([0]), np.array([3]), np.array([2]))
    array([2.])
    """
    bits = int(ranks.max(initial=0)).bit_length() or 1
    everything = bound >> bits > 0
    total = np.where(everything, range_sums(weights, begin, end), 0.0)
    bound = np.where(everything, 0, bound)
    left, right = begin.astype(np.int32), end.astype(np.int32)
    points, queries = ranks.astype(np.int32), bound.astype(np.int32)
    for bit in reversed(range(bits)):
        zero = (points >> bit) & 1 == 0
        zeros = np.concatenate([[0], np.cumsum(zero)]).astype(np.int32)
        left_zeros, right_zeros = zeros[left], zeros[right]
        upward = (queries >> bit) & 1 == 1
        if weights is None:
            passed = (right_zeros - left_zeros).astype(np.float64)
        else:
            passed = range_sums(np.where(zero, weights, 0.0), left, right)
        total += np.where(upward, passed, 0.0)
        left = np.where(upward, zeros[-1] + left - left_zeros, left_zeros)
        right = np.where(upward, zeros[-1] + right - right_zeros, right_zeros)
        order = np.concatenate([np.flatnonzero(zero), np.flatnonzero(~zero)])
        points = points[order]
        weights = None if weights is None else weights[order]
    return total


def range_sums(weights: Floats | None, begin: Positions, end: Positions) -> Floats:
    """Sums (m,) of the weights at positions [begin, end); their numbers without weights."""
    if weights is None:
        return (end - begin).astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(weights)])
    return np.asarray(running[end] - running[begin])
