"""Several weighted log-rank tests at once: the largest of them, with a p-value that knows so.

Lee JW (1996) Some versatile tests based on the simultaneous use of weighted log-rank statistics.
Biometrics 52:721-725. Karrison TG (2016) Versatile tests for comparing survival curves based on
weighted log-rank statistics. Stata Journal 16:678-690. Lin RS et al. (2020) Alternative analysis
methods for time to event endpoints under nonproportional hazards. Statistics in Biopharmaceutical
Research 12:187-198.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.stats import norm

from haemony.analysis.survival import printing
from haemony.analysis.survival.comparing.logrank import EventTable, Weight, comparison, event_tables
from haemony.analysis.survival.comparing.normal_box import box_probability
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.complete import Missing
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.data.sample import sample
from haemony.analysis.survival.faults import BadCovariate, NothingToAnalyse

USUAL = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0))


@dataclass(frozen=True, eq=False)
class MaxCombo:
    """The largest of m weighted log-rank tests of two groups.

    Attributes:
        groups: their names.
        n: (2,) patients.
        weights: the m weights.
        z: (m,) standardised differences; positive where the second group has more events than
            expected.
        correlation: (m, m) of the z under equal survival.
        statistic: the largest absolute z, or the largest in favour of the group that was named.
        p: its p-value from the multivariate normal distribution.
        favours: the group that a one-sided test favours, or None.
        missing: rows left out as incomplete.
    """

    groups: tuple[str, str]
    n: Integers
    weights: tuple[Weight, ...]
    z: Floats
    correlation: Floats
    statistic: float
    p: float
    favours: str | None
    missing: Missing

    def __str__(self) -> str:
        return printing.page(
            printing.counted(int(self.n.sum()), None, self.missing.rows),
            printing.grid(self.table(), p_values=("p",)),
            f"Largest z = {self.statistic:.4g}, p = {printing.p_value(self.p)}",
        )

    def table(self) -> pl.DataFrame:
        """One row per weight: weight, rho, gamma, z, p; p is of that test alone."""
        alone = 2 * norm.sf(np.abs(self.z))
        if self.favours is not None:
            alone = norm.sf(self.z if self.favours == self.groups[0] else -self.z)
        return pl.DataFrame(
            {
                "weight": [weight.name for weight in self.weights],
                "rho": [weight.rho for weight in self.weights],
                "gamma": [weight.gamma for weight in self.weights],
                "z": self.z,
                "p": alone,
            }
        )


def maxcombo(
    formula: str | Surv,
    table: Tabular | None = None,
    *,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: Sequence[tuple[float, float] | Weight] = USUAL,
    favours: str | None = None,
) -> MaxCombo:
    """Test two groups with the largest of several weighted log-rank tests.

    Args:
        formula: such as "Surv(os_days, os_event) ~ arm + strata(study)", or a `Surv`.
        table: the columns that the formula names.
        groups: (n,) labels, when a `Surv` is given.
        strata: (n,) labels, when a `Surv` is given.
        weights: pairs (rho, gamma) of Fleming and Harrington, or `Weight`s.
        favours: for a one-sided test, the label of the group thought to live longer.

    The p-value is integrated numerically without random numbers where the tests span at most
    three dimensions, as the usual four do, and with a fixed sequence of points beyond.

    Raises:
        NothingToAnalyse: not two groups, no event, or no event that could tell them apart.
        BadCovariate: no weight is given, or no group has the label.

    >>> table = pl.DataFrame({"days": [3, 5, 6, 8, 9, 9], "died": [1, 1, 1, 1, 0, 1],
    ...     "arm": list("aababb")})
    >>> round(maxcombo("Surv(days, died) ~ arm", table).p, 3)
    0.196
    """
    chosen = tuple(
        weight if isinstance(weight, Weight) else Weight(rho=weight[0], gamma=weight[1])
        for weight in weights
    )
    if not chosen:
        raise BadCovariate("weights", reason="are none", remedy="give at least one")
    data = comparison(sample(formula, table, groups=groups, strata=strata))
    labels = data.groups.labels
    if len(labels) != 2:
        raise NothingToAnalyse(
            f"there are {len(labels)} groups", remedy="compare two, or use pairwise_logrank"
        )
    if favours is not None and favours not in labels:
        raise BadCovariate(
            "favours", reason="names no group", remedy=f"choose one of {', '.join(labels)}"
        )
    difference, covariance = _differences(event_tables(data), chosen)
    spread = np.sqrt(np.diag(covariance))
    if not spread.all():
        raise NothingToAnalyse(
            "no event could tell the groups apart under one of the weights",
            remedy="compare groups followed together, or leave out that weight",
        )
    z, correlation = difference / spread, covariance / np.outer(spread, spread)
    statistic, p = _largest(z, correlation, None if favours is None else favours == labels[0])
    return MaxCombo(
        groups=(labels[0], labels[1]),
        n=np.bincount(data.groups.codes, minlength=2),
        weights=chosen,
        z=z,
        correlation=correlation,
        statistic=statistic,
        p=p,
        favours=favours,
        missing=data.missing,
    )


def _differences(tables: Sequence[EventTable], weights: Sequence[Weight]) -> tuple[Floats, Floats]:
    """Observed less expected events (m,) of the second group, and their covariance (m, m)."""
    difference, covariance = np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for table in tables:
        scale = np.column_stack([weight.at(table.total, table.died) for weight in weights])
        share = table.at_risk[:, 1] / table.total
        difference += scale.T @ (table.deaths[:, 1] - table.died * share)
        covariance += scale.T @ ((table.spread() * share * (1 - share))[:, None] * scale)
    return difference, covariance


def _largest(z: Floats, correlation: Floats, second_dies: bool | None) -> tuple[float, float]:
    """The largest z and its p-value; two-sided unless it is said which group dies more."""
    if second_dies is None:
        statistic = float(np.abs(z).max())
        inside = box_probability(correlation, -statistic, statistic)
        return statistic, max(1 - inside, float(2 * norm.sf(statistic)))
    statistic = float((z if second_dies else -z).max())
    inside = box_probability(correlation, -np.inf, statistic)
    return statistic, max(1 - inside, float(norm.sf(statistic)))
