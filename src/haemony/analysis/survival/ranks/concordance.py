"""How often the patient with the better score lives longer: Harrell's C with its standard error.

Harrell FE et al. (1982) Evaluating the yield of medical tests. JAMA 247:2543-2546. The standard
error is the infinitesimal jackknife: the sum over patients of the squared change of C with their
weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import (
    Missing,
    complete,
    groups_from,
    groups_of,
    positive_weights,
)
from haemony.analysis.survival.data.counts import stable_order, sums_by
from haemony.analysis.survival.data.formula import group_columns
from haemony.analysis.survival.data.frames import numbers
from haemony.analysis.survival.data.response import Grid, Surv
from haemony.analysis.survival.faults import BadCovariate, BadFormula
from haemony.analysis.survival.ranks.dominance import beside, passed


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

    @classmethod
    def unknown(cls, missing: Missing | None = None) -> Self:
        """What is said where no two patients can be compared."""
        return cls(float("nan"), float("nan"), 0.0, 0.0, 0.0, missing or Missing())

    def table(self) -> pl.DataFrame:
        """One row: concordance, std_err, concordant, discordant, tied; null where unknown."""
        return pl.DataFrame(
            {
                "concordance": [self.value],
                "std_err": [self.std_err],
                "concordant": [self.concordant],
                "discordant": [self.discordant],
                "tied": [self.tied],
            }
        ).with_columns(pl.col("concordance", "std_err").fill_nan(None))

    def __str__(self) -> str:
        """Print the figure and the pairs it rests on."""
        left_out = self.missing.rows
        said = f"{left_out:,} {'row' if left_out == 1 else 'rows'} left out: incomplete"
        notes = [said] if left_out else []
        return printing.page(printing.grid(self.table()), notes=notes)


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
        formula: such as "Surv(os_days, os_event) ~ score + strata(study)", with `cluster(id)` where
            several rows belong to one patient; or a `Surv`.
        table: the columns that the formula names.
        score: (n,) scores, when a `Surv` is given.
        weights: a column of case weights, or (n,) weights; a pair weighs the product of two.
        strata: (n,) labels within which alone pairs are formed, when a `Surv` is given.
        higher: what a higher score is meant to predict, longer or shorter survival.

    Raises:
        BadCovariate: the scores are missing, or not one for each follow-up.

    >>> table = pl.DataFrame({"days": [5, 8, 11, 20], "died": [1, 1, 0, 1], "risk": [9, 4, 5, 1]})
    >>> concordance("Surv(days, died) ~ risk", table, higher="shorter").value
    0.8
    """
    sign = {"longer": 1.0, "shorter": -1.0}[higher]
    if isinstance(formula, Surv):
        n = len(formula)
        return compare_pairs(
            formula,
            sign * _finite(score, n),
            weights=np.ones(n)
            if weights is None
            else positive_weights(np.asarray(weights), "weights"),
            strata=groups_from(None if strata is None else np.asarray(strata), n).codes,
        )
    data = complete(formula, table, weights=weights, score=score, strata=strata)
    scores, cluster = group_columns(data.model), data.model.cluster
    if len(scores) != 1:
        raise BadFormula(formula, reason="concordance takes one score")
    return compare_pairs(
        data.response,
        sign * numbers(data.table[scores[0]]),
        weights=np.ones(data.table.height) if data.weights is None else data.weights,
        strata=groups_of(data.table, data.model.strata).codes,
        cluster=None if cluster is None else groups_of(data.table, [cluster]).codes,
        missing=data.missing,
    )


def _finite(score: ArrayLike | None, n: int) -> Floats:
    """Scores (n,), refused unless there is a finite one for each follow-up."""
    values = np.asarray(np.nan if score is None else score, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise BadCovariate(
            "score",
            reason=f"has shape {values.shape} for {n} follow-ups, or missing values",
            remedy="give one finite number for each",
        )
    return values


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
    bits = (2 * len(grid.times)).bit_length()
    leaving = Points(
        score=score,
        strata=strata,
        key=2 * grid.stop + ~response.died,
        early=response.died,
        late=np.ones(len(response), dtype=np.bool_),
        weight=None if (weights == 1).all() else weights,
    )
    pairs = _pairs(leaving, bits)
    if grid.start is not None:
        absent = _pairs(_not_yet_there(leaving, 2 * grid.start + 1), bits)
        pairs -= absent[:, : len(response)] + absent[:, len(response) :]
    return _summary(pairs, weights, cluster, missing or Missing())


@dataclass(frozen=True, eq=False)
class Points:
    """What may be compared: in a stratum, an early point with a late one of higher key.

    Attributes:
        score: (n,) meant to rise with survival.
        strata: (n,) codes.
        key: (n,) whole numbers that rise with time.
        early: (n,) whether a point can be the one that dies first.
        late: (n,) whether it can be the one that outlives.
        weight: (n,) or None for one each.
    """

    score: Floats
    strata: Integers
    key: Integers
    early: Flags
    late: Flags
    weight: Floats | None

    def taken(self, order: Integers) -> Points:
        """The same points in another order."""
        return Points(
            self.score[order],
            self.strata[order],
            self.key[order],
            self.early[order],
            self.late[order],
            None if self.weight is None else self.weight[order],
        )


def _not_yet_there(leaving: Points, entering: Integers) -> Points:
    """The deaths (n,), and as points that outlive them the entries (n,) that come after."""
    never = np.zeros_like(leaving.early)
    weight = leaving.weight
    return Points(
        score=np.tile(leaving.score, 2),
        strata=np.tile(leaving.strata, 2),
        key=np.concatenate([leaving.key, entering]),
        early=np.concatenate([leaving.early, never]),
        late=np.concatenate([never, leaving.late]),
        weight=None if weight is None else np.tile(weight, 2),
    )


def _pairs(points: Points, bits: int) -> Floats:
    """Weighted numbers (3, n) of each point's pairs: all, concordant less discordant, and tied.

    In a line by score, equals by key, the pairs of a point are concordant where the late one stands
    behind. Pairs with equal scores, which stand so too, are then taken off.
    """
    order = _line(points, bits)
    line = points.taken(order)
    weight = np.ones(len(order)) if line.weight is None else line.weight
    early, late = weight * line.early, weight * line.late
    place = (line.strata << bits) | line.key
    known, code = _coded(place)
    after, before = beside(
        _begins(known >> bits),
        np.ones(len(known), dtype=np.bool_),
        sums_by(code, early, len(known)),
        sums_by(code, late, len(known)),
    )
    as_early, as_late = after[code] * line.early, before[code] * line.late
    net = 2 * passed(place, line.early, line.late, line.weight, bits=bits) + as_early - as_late
    tied = np.zeros_like(net)
    other_score = _begins(line.score) | _begins(line.strata)
    if not other_score.all():
        after, before = beside(other_score, other_score | _begins(place), early, late)
        tied = after * line.early + before * line.late
    pairs = np.empty((3, len(order)))
    for row, values in zip(pairs, (as_early + as_late, net - tied, tied), strict=True):
        row[order] = values
    return pairs


def _coded(places: Integers) -> tuple[Integers, Integers]:
    """Sorted distinct places, or all up to the highest if they are few, and each one's position."""
    highest = int(places.max(initial=0))
    if highest <= 4 * len(places) + 10_000:
        return np.arange(highest + 1), places
    known, code = np.unique(places, return_inverse=True)
    return known, code


def _line(points: Points, bits: int) -> Integers:
    """The order (n,) by stratum, then score, then key."""
    order = np.argsort(points.score)
    other = _begins(points.score[order])
    if not other.all():
        rank = np.empty_like(order)
        rank[order] = np.cumsum(other)
        order = np.argsort((rank << bits) | points.key)
    if points.strata.any():
        order = order[stable_order(points.strata[order])]
    return order


def _begins(values: NDArray[np.generic]) -> Flags:
    """Whether each of sorted values (n,) differs from the one before."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def _summary(
    pairs: Floats, weights: Floats, cluster: Integers | None, missing: Missing
) -> Concordance:
    comparable, net, tied = (float(total) for total in pairs @ weights / 2)
    if not comparable:
        return Concordance.unknown(missing)
    lead = net / comparable
    influence = weights * (pairs[1] - lead * pairs[0]) / (2 * comparable)
    if cluster is not None:
        influence = np.bincount(cluster, influence)
    return Concordance(
        value=(1 + lead) / 2,
        std_err=float(np.sqrt(influence @ influence)),
        concordant=(comparable - tied + net) / 2,
        discordant=(comparable - tied - net) / 2,
        tied=tied,
        missing=missing,
    )
