"""Pairs of treated and untreated patients with nearly the same propensity score.

Austin PC (2011) Optimal caliper widths for propensity-score matching when estimating differences in
means and differences in proportions in observational studies. Pharmaceutical Statistics 10:150-61.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.special import logit

from haemony.analysis.causal.faults import NobodyLeft
from haemony.analysis.causal.leftout import left_out
from haemony.analysis.causal.propensity import Balance, Propensity
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Flags, Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.sample import check_choice
from haemony.analysis.survival.faults import BadCovariate


@dataclass(frozen=True, eq=False)
class Matched:
    """Matched pairs.

    Attributes:
        treated: (m,) positions of the treated patients among the n analysed.
        untreated: (m,) positions of their partners.
        distance: (m,) how far apart the logits of their scores are.
        caliper: the largest distance allowed, on the logit scale.
        unmatched: treated patients without a partner.
        balance: the groups before and after matching.
        rows: the 2m matched rows, with a column `pair`, for a Cox model with cluster(pair).
        notes: what a reader must know.
        missing: rows left out as incomplete when the scores were estimated.
    """

    treated: Integers
    untreated: Integers
    distance: Floats
    caliper: float
    unmatched: int
    balance: Balance
    rows: pl.DataFrame
    notes: tuple[str, ...]
    missing: Missing

    def table(self) -> pl.DataFrame:
        """One row per pair: treated, untreated (positions), distance."""
        return pl.DataFrame(
            {"treated": self.treated, "untreated": self.untreated, "distance": self.distance}
        )

    def __str__(self) -> str:
        """How many pairs, and their balance."""
        head = f"{len(self.treated)} pairs, {self.unmatched} treated patients without a partner"
        return printing.page(head, left_out(self.missing), str(self.balance), notes=self.notes)


def match(
    score: Propensity,
    *,
    caliper: float | None = 0.2,
    order: Literal["highest", "lowest"] = "highest",
) -> Matched:
    """Match each treated patient with the nearest untreated one, without replacement.

    Greedy and deterministic: treated patients choose one after the other; of two partners at the
    same distance, the one with the lower score is taken, then the earlier row.

    Args:
        score: the propensity scores.
        caliper: the largest distance, in standard deviations of the logit of the score; None: any.
        order: who chooses first: the treated with the highest or the lowest score.

    Raises:
        NobodyLeft: nobody has a partner within the caliper.

    >>> from haemony.analysis.causal.propensity import propensity
    >>> table = pl.DataFrame({"arm": [0, 0, 1, 1, 0, 1], "age": [71, 44, 35, 40, 38, 66]})
    >>> match(propensity("arm ~ age", table), caliper=None).table().rows()[0][:2]
    (2, 4)
    """
    number = isinstance(caliper, int | float | np.number) and not isinstance(caliper, bool)
    if caliper is not None and not (number and caliper > 0):
        raise BadCovariate("caliper", reason="is not positive", remedy="give for example 0.2")
    check_choice(order, "order", ("highest", "lowest"))
    place = logit(score.scores)
    width = np.inf if caliper is None else caliper * float(place.std(ddof=1))
    pairs = _greedy(place, score.treated, width, order)
    if not len(pairs):
        raise NobodyLeft("matched pairs", remedy="widen the caliper, or check the overlap")
    ones, others = pairs[:, 0], pairs[:, 1]
    chosen = np.zeros(len(place))
    chosen[pairs.ravel()] = 1.0
    lost = int(score.treated.sum()) - len(pairs)
    numbered = pl.Series("pair", np.tile(np.arange(len(pairs)), 2))
    return Matched(
        treated=ones,
        untreated=others,
        distance=np.abs(place[ones] - place[others]),
        caliper=float(width),
        unmatched=lost,
        balance=score.balance(chosen),
        rows=score.rows[np.concatenate([ones, others])].with_columns(numbered),
        notes=_notes(lost, int(score.treated.sum())),
        missing=score.missing,
    )


def _greedy(place: Floats, treated: Flags, width: float, order: str) -> Integers:
    """The pairs (m, 2) in the order of choice; one step per treated patient.

    Free partners form two chains over the sorted scores, one in each direction: looking up the next
    free one and taking it out cost next to nothing.
    """
    ones = np.flatnonzero(treated)
    ones = ones[np.argsort(-place[ones] if order == "highest" else place[ones], kind="stable")]
    others = np.flatnonzero(~treated)
    others = others[np.argsort(place[others], kind="stable")]
    ladder = place[others]
    right, left = list(range(len(others) + 1)), list(range(len(others) + 1))
    pairs = []
    for one, begin in zip(
        ones.tolist(), np.searchsorted(ladder, place[ones]).tolist(), strict=True
    ):
        below, above = _free(left, begin) - 1, _free(right, begin)
        down = place[one] - ladder[below] if below >= 0 else np.inf
        up = ladder[above] - place[one] if above < len(others) else np.inf
        if min(down, up) > width or np.isinf(min(down, up)):
            continue
        taken = below if down <= up else above
        pairs.append((one, int(others[taken])))
        right[taken], left[taken + 1] = taken + 1, taken
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _free(chain: list[int], position: int) -> int:
    """Where a chain leads, shortening the way for those who come after."""
    root = position
    while chain[root] != root:
        root = chain[root]
    while chain[position] != root:
        chain[position], position = root, chain[position]
    return root


def _notes(lost: int, treated: int) -> tuple[str, ...]:
    if lost <= 0.1 * treated:
        return ()
    return (
        f"{lost} of {treated} treated patients found no partner: the effect is that in the "
        f"patients who did, not in all treated ones",
    )
