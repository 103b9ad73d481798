"""How often the patient with the better score lives longer: Harrell's C with its standard error.

Harrell FE et al. (1982) Evaluating the yield of medical tests. JAMA 247:2543-2546. The standard
error is the infinitesimal jackknife: the sum over patients of the squared change of C with their
weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival.arrays import Flags, Floats, Integers
from haemony.analysis.survival.dominance import range_sums, sums_below
from haemony.analysis.survival.faults import BadFormula
from haemony.analysis.survival.formula import (
    Missing,
    complete,
    group_columns,
    groups_from,
    groups_of,
    positive_weights,
)
from haemony.analysis.survival.response import Grid, Surv


@dataclass(frozen=True, slots=True)
class Concordance:
    """Agreement between a score and survival.

    Attributes:
        value: the share of comparable pairs in which the higher score lives longer; ties count
            half.
        std_err: its standard error; both are NaN where no two patients can be compared.
        concordant: weighted number of pairs in agreement.
        discordant: weighted number of pairs in disagreement.
        tied: weighted number of pairs with equal scores.
        missing: rows left out as incomplete.
    """

    value: float
    std_err: float
    concordant: float
    discordant: float
    tied: float
    missing: Missing


def concordance(
    formula: str | Surv,
    table: pl.DataFrame | None = None,
    *,
    score: ArrayLike | None = None,
    weights: str | ArrayLike | None = None,
    strata: ArrayLike | None = None,
    higher: Literal["longer", "shorter"] = "longer",
) -> Concordance:
    """Harrell's concordance between a score and survival.

    A pair is comparable when one patient dies while the other is still under observation; a patient
    censored on the day of a death counts as outliving it.

    Args:
        formula: such as "Surv(os_days, os_event) ~ score + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        score: (n,) scores, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights; a pair weighs the product of two.
        strata: (n,) labels within which alone pairs are formed, when a `Surv` is given.
        higher: what a higher score is meant to predict, longer or shorter survival.

    >>> table = pl.DataFrame({"days": [5, 8, 11, 20], "died": [1, 1, 0, 1], "risk": [9, 4, 5, 1]})
    >>> concordance("Surv(days, died) ~ risk", table, higher="shorter").value
    0.8
    """
    sign = {"longer": 1.0, "shorter": -1.0}[higher]
    if isinstance(formula, Surv):
        n = len(formula)
        return compare_pairs(
            formula,
            sign * np.asarray(score, dtype=np.float64),
            weights=np.ones(n)
            if weights is None
            else positive_weights(np.asarray(weights), "weights"),
            strata=groups_from(None if strata is None else np.asarray(strata), n).codes,
        )
    data = complete(formula, table, weights=weights, score=score, strata=strata)
    scores = group_columns(data.model)
    if len(scores) != 1:
        raise BadFormula(formula, reason="concordance takes one score")
    return compare_pairs(
        data.response,
        sign * data.table[scores[0]].cast(pl.Float64).to_numpy(),
        weights=np.ones(data.table.height) if data.weights is None else data.weights,
        strata=groups_of(data.table, data.model.strata).codes,
        missing=data.missing,
    )


def compare_pairs(
    response: Surv,
    score: Floats,
    *,
    weights: Floats,
    strata: Integers,
    cluster: Integers | None = None,
    missing: Missing | None = None,
) -> Concordance:
    """Concordance of a score (n,) that is meant to rise with survival, in O(n log n)."""
    grid = Grid.of(response)
    rank = np.unique(score, return_inverse=True)[1]
    width = 2 * (len(grid.times) + 1)
    died = np.flatnonzero(response.died)
    leaving = strata * width + 2 * grid.stop + ~response.died
    pairs = _pairs(died, rank, weights, strata * width, leaving, leaving[died] + 1)
    if grid.start is not None:
        entering = strata * width + 2 * grid.start
        pairs = pairs - _pairs(died, rank, weights, strata * width, entering, leaving[died])
    return _summary(pairs, weights, cluster, missing or Missing())


def _pairs(
    died: Integers,
    rank: Integers,
    weights: Floats,
    floor: Integers,
    key: Integers,
    threshold: Integers,
) -> Floats:
    """Weighted numbers (n, 3) of concordant, discordant and tied pairs that each row belongs to.

    A row that dies forms a pair with each row of its stratum whose key reaches its threshold.

    Args:
        died: (E,) the rows that die.
        rank: (n,) of the scores.
        weights: (n,) case weights.
        floor: (n,) the lowest possible key of each row's stratum.
        key: (n,) keys, sortable over all strata.
        threshold: (E,) of the rows that die.
    """
    others, earlier = np.argsort(key, kind="stable"), np.argsort(threshold, kind="stable")
    sorted_key, sorted_threshold = key[others], threshold[earlier]
    dead = died[earlier]
    ceiling = np.searchsorted(floor[others], floor[died], side="right")
    shared = np.bincount(rank)[rank] > 1
    worse, equal, better = _split(
        rank[others],
        weights[others],
        np.searchsorted(sorted_key, threshold, side="left"),
        ceiling,
        rank[died],
        shared[died],
    )
    pairs = np.zeros((len(rank), 3))
    pairs[died] = np.column_stack([better, worse, equal])
    worse, equal, better = _split(
        rank[dead],
        weights[dead],
        np.searchsorted(floor[dead], floor, side="left"),
        np.searchsorted(sorted_threshold, key, side="right"),
        rank,
        shared,
    )
    return pairs + np.column_stack([worse, better, equal])


def _split(
    ranks: Integers,
    weights: Floats,
    begin: Integers,
    end: Integers,
    own: Integers,
    shared: Flags,
) -> tuple[Floats, Floats, Floats]:
    """Weights (m,) of the points in each range that rank below, at and above each query's own.

    Only queries whose rank is shared by several rows are asked for equals.
    """
    end = np.maximum(begin, end)
    case = None if (weights == 1).all() else weights
    everything = range_sums(case, begin, end)
    below = sums_below(ranks, case, begin, end, own)
    up_to = below.copy()
    up_to[shared] = sums_below(ranks, case, begin[shared], end[shared], own[shared] + 1)
    return below, up_to - below, everything - up_to


def _summary(
    pairs: Floats, weights: Floats, cluster: Integers | None, missing: Missing
) -> Concordance:
    concordant, discordant, tied = (float(total) for total in weights @ pairs / 2)
    comparable = concordant + discordant + tied
    if not comparable:
        return Concordance(float("nan"), float("nan"), 0.0, 0.0, 0.0, missing)
    value = (concordant + tied / 2) / comparable
    agreement = pairs[:, 0] + pairs[:, 2] / 2 - value * pairs.sum(axis=1)
    influence = weights * agreement / comparable
    if cluster is not None:
        influence = np.bincount(cluster, influence)
    std_err = float(np.sqrt(influence @ influence))
    return Concordance(value, std_err, concordant, discordant, tied, missing)
