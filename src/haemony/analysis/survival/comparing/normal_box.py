"""The probability that correlated normal numbers all lie between two bounds.

The m numbers are L·y, with y independent standard normal in as many dimensions as the correlation
has rank r. Along the last dimension the probability is a difference of two normal integrals; the
others are integrated by Gauss and Legendre's rule between the points at which the bounding lines
cross, so that every piece is smooth. From four dimensions on, a fixed Sobol sequence takes over
(Genz A (1992) Numerical computation of multivariate normal probabilities. Journal of Computational
and Graphical Statistics 1:141-149). Nothing is random, so the answer is always the same.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr, ndtri
from scipy.stats.qmc import Sobol

from haemony.analysis.survival.data.arrays import Floats

FAR = 9.0
SINGULAR = 1e-10
PANELS, NODES = 48, 12
POINTS = 17


def box_probability(correlation: Floats, lower: float, upper: float) -> float:
    """The probability that m standard normal numbers all lie in [lower, upper].

    The absolute error is below 1e-8 where the correlation (m, m) has rank three or less, and about
    1e-5 beyond.

    >>> round(box_probability(np.eye(2), -1.96, 1.96), 6)
    0.902508
    """
    loading = _loading(correlation)
    rank = loading.shape[1]
    if rank == 1:
        low, high = _bounds(loading[:, 0], np.zeros((1, len(loading))), lower, upper)
        return float(_between(low, high)[0])
    if rank == 2:
        return float(_plane(loading, np.zeros((1, len(loading))), lower, upper)[0])
    if rank == 3:
        first = np.abs(loading[:, 1:]).max(axis=1) < SINGULAR**0.5
        low, high = _bounds(loading[first, 0], np.zeros((1, int(first.sum()))), lower, upper)
        node, weight = _nodes(np.linspace(low[0], high[0], PANELS + 1))
        offset = np.outer(node, loading[:, 0])
        inner = _plane(loading[:, 1:], offset, lower, upper)
        return float((weight * _density(node)) @ inner)
    return _sequence(loading, lower, upper)


def _loading(correlation: Floats) -> Floats:
    """L (m, r) with L·Lᵀ = correlation, each row reaching no further than it must.

    Rows that follow from the ones before come right after them, as far left as possible.
    """
    left = correlation.copy()
    m = len(left)
    factor = np.zeros((m, 0))
    for _ in range(m):
        variance = np.diag(left)
        if variance.max() < SINGULAR:
            break
        pivot = _pivot(left, variance)
        column = left[:, pivot] / np.sqrt(variance[pivot])
        column[variance < SINGULAR] = 0.0
        factor = np.column_stack([factor, column])
        left = left - np.outer(column, column)
    return factor


def _pivot(left: Floats, variance: Floats) -> int:
    """The row to take next: the one after which most others are determined."""
    possible = np.flatnonzero(variance >= SINGULAR)
    settled = [
        int(np.count_nonzero(variance - left[:, row] ** 2 / variance[row] < SINGULAR))
        for row in possible
    ]
    return int(possible[int(np.argmax(settled))])


def _bounds(slope: Floats, offset: Floats, lower: float, upper: float) -> tuple[Floats, Floats]:
    """Between which values (N,) of y all of offset (N, m) + slope (m,)·y stay in the bounds."""
    low, high = np.full(len(offset), -FAR), np.full(len(offset), FAR)
    for rise, start in zip(slope, offset.T, strict=True):
        if abs(rise) < SINGULAR**0.5:
            outside = (start < lower) | (start > upper)
            high = np.where(outside, -FAR, high)
            continue
        first, second = (lower - start) / rise, (upper - start) / rise
        low = np.maximum(low, np.minimum(first, second))
        high = np.minimum(high, np.maximum(first, second))
    return low, high


def _plane(loading: Floats, offset: Floats, lower: float, upper: float) -> Floats:
    """(N,) the probabilities in two dimensions, of offset (N, m) + loading (m, 2)·y."""
    edges = _crossings(loading, offset, lower, upper)
    node, weight = _nodes(edges)
    inside = np.zeros(len(offset))
    for step in range(node.shape[-1]):
        y = node[:, step]
        low, high = _bounds(loading[:, 1], offset + y[:, None] * loading[:, 0], lower, upper)
        inside += weight[:, step] * _density(y) * _between(low, high)
    return inside


def _crossings(loading: Floats, offset: Floats, lower: float, upper: float) -> Floats:
    """Sorted places (N, c) on the first axis at which two bounding lines cross, and both ends."""
    finite = [bound for bound in (lower, upper) if np.isfinite(bound)]
    lines = [(row, bound) for row in range(len(loading)) for bound in finite]
    places = [np.full(len(offset), -FAR), np.full(len(offset), FAR)]
    for i, (a, bound) in enumerate(lines):
        for b, other in lines[:i]:
            steep = loading[a, 0] * loading[b, 1] - loading[b, 0] * loading[a, 1]
            if abs(steep) > SINGULAR:
                own, its = bound - offset[:, a], other - offset[:, b]
                places.append((own * loading[b, 1] - its * loading[a, 1]) / steep)
        if abs(loading[a, 1]) < SINGULAR**0.5 and abs(loading[a, 0]) > SINGULAR:
            places.append((bound - offset[:, a]) / loading[a, 0])
    extra = [np.full(len(offset), at) for at in np.arange(-6.0, 6.5, 1.5)]
    return np.sort(np.clip(np.column_stack([*places, *extra]), -FAR, FAR), axis=1)


def _nodes(edges: Floats) -> tuple[Floats, Floats]:
    """Gauss and Legendre's nodes and weights (..., q · NODES) between edges (..., q + 1)."""
    at, weight = leggauss(NODES)
    middle, half = (edges[..., 1:] + edges[..., :-1]) / 2, np.diff(edges, axis=-1) / 2
    nodes = middle[..., None] + half[..., None] * at
    weights = half[..., None] * weight
    flat = (*edges.shape[:-1], -1)
    return nodes.reshape(flat), weights.reshape(flat)


def _between(low: Floats, high: Floats) -> Floats:
    """The standard normal probability between bounds, none where they have crossed."""
    return np.where(high > low, ndtr(high) - ndtr(low), 0.0)


def _density(y: Floats) -> Floats:
    return np.asarray(np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi))


def _sequence(loading: Floats, lower: float, upper: float) -> float:
    """Genz's transformation over a fixed Sobol sequence, for four dimensions and more."""
    rank = loading.shape[1]
    points = Sobol(rank, scramble=True, rng=20_160_609).random_base2(POINTS)
    last = (np.abs(loading) > SINGULAR**0.5).shape[1] - np.argmax(
        np.abs(loading[:, ::-1]) > SINGULAR**0.5, axis=1
    )
    total = np.ones(len(points))
    y = np.zeros((len(points), rank))
    for step in range(rank):
        mine = np.flatnonzero(last == step + 1)
        offset = y[:, :step] @ loading[mine, :step].T
        low, high = _bounds(loading[mine, step], offset, lower, upper)
        share = _between(low, high)
        total *= share
        y[:, step] = ndtri(np.clip(ndtr(low) + points[:, step] * share, 1e-300, 1 - 1e-16))
    return float(total.mean())
