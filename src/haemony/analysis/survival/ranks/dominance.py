"""Counts, for all points of a line at once, how they stand to the points with other keys.

A pair of points with different keys differs first in one bit. Points are therefore parted by one
bit after the other, highest first (a wavelet matrix: Claude F, Navarro G (2012) The wavelet matrix,
SPIRE 2012); the points that shared all higher bits stand together, and running sums count the pairs
that this bit decides. Every level is a handful of passes, so n points with b-bit keys cost O(n b).
Positions and numbers are held in 32 bits, for speed.
`sums_below` asks the same of ranges: a query follows its bound down and collects what it passes.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from haemony.analysis.survival.data.arrays import Flags, Floats, Integers

Positions = NDArray[np.signedinteger]
Line = NDArray[np.int32]
T = TypeVar("T", bound=np.generic)


def passed(key: Integers, early: Flags, late: Flags, weight: Floats | None, *, bits: int) -> Floats:
    """Weights (n,) of the early ones that each late point passed, less the late that passed it.

    Points stand in a line. An early point and a late one form a pair if they agree in all but the
    lowest bits of their keys and the late one's key is higher; the late one passed the early one
    if it stands behind it.

    Args:
        key: (n,) whole numbers from 0 on; the bits above the lowest say who is compared at all.
        early: (n,) whether the point can be the early one.
        late: (n,) whether it can be the late one.
        weight: (n,) of the points, or None for one each.
        bits: how many lowest bits order the points.

    >>> both = np.array([True, True, True])
    >>> passed(np.array([2, 0, 1]), both, both, None, bits=2)
    array([ 0., -1.,  0.])
    """
    place = 4 * key + 2 * early + late
    place = place.astype(np.int32) if int(place.max(initial=0)) < 2**31 else place
    row = line = np.arange(len(key), dtype=np.int32)
    net = np.zeros(len(key), np.dtype(np.int32 if weight is None else np.float64))
    for bit in reversed(range(2, bits + 2)):
        high = (place >> bit) & 1
        after, before = high & place, (high ^ 1) & (place >> 1)
        node = place >> (bit + 1)
        begins = np.concatenate([[0], np.flatnonzero(node[1:] != node[:-1]) + 1])
        net += after * _running(before, weight, begins)
        net -= before * _running(after, weight, begins)
        target = _parted(high, line)
        place, row, net = (_moved(values, target) for values in (place, row, net))
        weight = None if weight is None else _moved(weight, target)
    return _moved(net, row).astype(np.float64)


def beside(outer: Flags, inner: Flags, early: Floats, late: Floats) -> tuple[Floats, Floats]:
    """Sums (n,) of late weights after, and of early ones before, each point's group of equals.

    Points stand in a line of outer groups, and these of groups of equals.

    Args:
        outer: (n,) whether an outer group begins with the point.
        inner: (n,) whether a group of equals begins with it; so where an outer one does.
        early: (n,) weights.
        late: (n,) weights.

    >>> true, false, one = True, False, np.ones(3)
    >>> beside(np.array([true, false, false]), np.array([true, false, true]), one, one)
    (array([1., 1., 0.]), array([0., 0., 2.]))
    """
    ends = [_ends(flags) for flags in (outer, inner)]
    rising, falling = (np.concatenate([[0.0], np.cumsum(values)]) for values in (early, late))
    wide, narrow = (np.repeat(falling[e[1:]], np.diff(e)) for e in ends)
    after = wide - narrow
    wide, narrow = (np.repeat(rising[e[:-1]], np.diff(e)) for e in ends)
    return after, narrow - wide


def _ends(begins: Flags) -> Integers:
    return np.append(np.flatnonzero(begins), len(begins))


def _running(flags: Positions, weight: Floats | None, begins: Integers) -> NDArray[Any]:
    """Running sums of the flagged weights since the last beginning."""
    values: NDArray[Any] = flags if weight is None else weight * flags
    sums = np.cumsum(values, dtype=values.dtype)
    sums -= np.repeat(sums[begins] - values[begins], np.diff(begins, append=len(flags)))
    return sums


def _parted(high: Positions, line: Line) -> Integers:
    """Where each point goes when those with the bit go behind the others, in their order."""
    ones = np.cumsum(high, dtype=np.int32)
    # Without the bit: line - ones. With it: all zeros, then the ones before it. No branches.
    target = 2 * ones - line
    target += len(line) - 1 - int(ones[-1])
    target *= high
    target += line - ones
    return target.astype(np.intp)


def _moved(values: NDArray[T], target: Positions) -> NDArray[T]:
    there = np.empty_like(values)
    there[target] = values
    return there


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
