"""Which groups differ from which? Log-rank tests of all pairs, corrected for their number.

Holm S (1979) A simple sequentially rejective multiple test procedure. Scandinavian Journal of
Statistics 6:65-70. Hochberg Y (1988) A sharper Bonferroni procedure for multiple tests of
significance. Biometrika 75:800-802. Benjamini Y, Hochberg Y (1995) Controlling the false discovery
rate. JRSS B 57:289-300. Benjamini Y, Yekutieli D (2001) The control of the false discovery rate in
multiple testing under dependency. Annals of Statistics 29:1165-1188.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from haemony.analysis.survival import printing
from haemony.analysis.survival.comparing.logrank import (
    EventTable,
    LogRank,
    Weight,
    WeightName,
    compare_tables,
    comparison,
    event_tables,
)
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import check_choice, sample
from haemony.analysis.survival.faults import NothingToAnalyse

Adjustment = Literal[
    "holm", "hochberg", "bonferroni", "benjamini-hochberg", "benjamini-yekutieli", "none"
]


@dataclass(frozen=True, eq=False)
class PairwiseLogRank:
    """The tests of all pairs of G groups.

    Attributes:
        pairs: the names of the two groups of each of the m pairs.
        tests: (m,) their tests; None where no event was possible in both groups of a pair.
        p: (m,) p-values, NaN where there is no test.
        adjusted: (m,) p-values corrected for the number of tests.
        adjust: how they were corrected.
        weight: how event times were weighted.
        missing: rows left out as incomplete.
    """

    pairs: tuple[tuple[str, str], ...]
    tests: tuple[LogRank | None, ...]
    p: Floats
    adjusted: Floats
    adjust: Adjustment
    weight: Weight
    missing: Missing

    def __str__(self) -> str:
        return printing.page(
            f"p-values adjusted by {self.adjust}",
            printing.grid(self.table(), p_values=("p", "p_adjusted")),
        )

    def table(self) -> pl.DataFrame:
        """One row per pair: group, against, statistic, p, p_adjusted; null where untested."""
        return pl.DataFrame(
            {
                "group": [pair[1] for pair in self.pairs],
                "against": [pair[0] for pair in self.pairs],
                "statistic": [None if test is None else test.statistic for test in self.tests],
                "p": self.p,
                "p_adjusted": self.adjusted,
            },
            schema_overrides={"statistic": pl.Float64},
        ).with_columns(pl.col(pl.Float64).fill_nan(None))


def pairwise_logrank(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    weight: WeightName = "fleming-harrington",
    adjust: Adjustment = "holm",
) -> PairwiseLogRank:
    """Compare each pair of groups as if the others were not there.

    The arguments are those of `logrank`.

    Args:
        formula: such as "Surv(os_days, os_event) ~ class + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        groups: (n,) labels, when a `Surv` is given.
        strata: (n,) labels, when a `Surv` is given.
        rho: weight on early events.
        gamma: weight on late events.
        weight: the family of weights.
        adjust: how p-values are corrected; Holm's method as in R's `p.adjust`.

    Raises:
        NothingToAnalyse: fewer than two groups, or no event.

    >>> table = pl.DataFrame({"days": [3, 5, 8, 9, 2, 4], "died": [1, 1, 1, 0, 1, 1],
    ...     "arm": list("aabbcc")})
    >>> pairwise_logrank("Surv(days, died) ~ arm", table).adjusted.round(3)
    array([0.269, 0.433, 0.269])
    """
    chosen = Weight(weight, rho, gamma)
    data = comparison(sample(formula, table, groups=groups, strata=strata))
    tables, labels = event_tables(data), data.groups.labels
    n = np.bincount(data.groups.codes, minlength=len(labels))
    positions = list(combinations(range(len(labels)), 2))
    tests = tuple(_pair(tables, pair, chosen, labels, n) for pair in positions)
    p = np.array([np.nan if test is None else test.p for test in tests])
    return PairwiseLogRank(
        pairs=tuple((labels[a], labels[b]) for a, b in positions),
        tests=tests,
        p=p,
        adjusted=adjusted(p, adjust),
        adjust=adjust,
        weight=chosen,
        missing=data.missing,
    )


def adjusted(p: Floats, method: Adjustment) -> Floats:
    """P-values (m,) corrected for the number of those that are known.

    >>> adjusted(np.array([0.01, 0.04, np.nan, 0.03]), "holm")
    array([0.03, 0.06,  nan, 0.06])
    """
    check_choice(method, "adjust", get_args(Adjustment))
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = p.copy()
    corrected[order] = np.minimum(_corrected(p[order], method), 1.0)
    return corrected


def _corrected(p: Floats, method: Adjustment) -> Floats:
    """Ascending p-values (m,), corrected; they may exceed 1."""
    m = len(p)
    rank = np.arange(1, m + 1)
    if method == "none":
        return p
    if method == "bonferroni":
        return p * m
    if method == "holm":
        return np.maximum.accumulate(p * (m + 1 - rank))
    factor = {
        "hochberg": m + 1 - rank,
        "benjamini-hochberg": m / rank,
        "benjamini-yekutieli": (1 / rank).sum() * m / rank,
    }[method]
    return np.minimum.accumulate((p * factor)[::-1])[::-1]


def _pair(
    tables: list[EventTable],
    pair: tuple[int, int],
    weight: Weight,
    labels: tuple[str, ...],
    n: Integers,
) -> LogRank | None:
    try:
        return compare_tables(
            [table.only(pair) for table in tables],
            weight,
            labels=(labels[pair[0]], labels[pair[1]]),
            n=n[list(pair)],
            missing=Missing(),
        )
    except NothingToAnalyse:
        return None
