"""Which alterations come together more often than chance has it, and which avoid each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from haemony.analysis.genomics.findings import Findings
from haemony.analysis.genomics.fisher import FisherTests, fisher
from haemony.analysis.genomics.multiplicity import Method, adjust
from haemony.analysis.survival import printing
from haemony.analysis.survival.data.arrays import Floats, Integers
from haemony.analysis.survival.data.frames import Tabular
from haemony.analysis.survival.faults import NothingToAnalyse

SHOWN = 20


@dataclass(frozen=True, eq=False)
class CoMutation:
    """Fisher's test of every pair of alterations.

    Attributes:
        names: (m,) the alterations.
        first: (P,) position of each pair's first alteration.
        second: (P,) of its second.
        counts: (P, 4) patients with both, the first alone, the second alone, and neither; patients
            not tested for one of them count nowhere.
        tests: of these tables.
        q: (P,) adjusted p-values.
        level: coverage of the intervals.
        method: of the adjustment.
    """

    names: tuple[str, ...]
    first: Integers
    second: Integers
    counts: Integers
    tests: FisherTests
    q: Floats
    level: float
    method: Method

    def table(self) -> pl.DataFrame:
        """One row per pair, smallest p first.

        Columns: first, second, n (tested for both), both, first_only, second_only, neither,
        odds_ratio, lower, upper, p, q, pattern ("together" or "exclusive").
        """
        ratio = self.tests.odds_ratio
        return (
            pl.DataFrame(
                {
                    "first": [self.names[int(i)] for i in self.first],
                    "second": [self.names[int(i)] for i in self.second],
                    "n": self.counts.sum(axis=1),
                    "both": self.counts[:, 0],
                    "first_only": self.counts[:, 1],
                    "second_only": self.counts[:, 2],
                    "neither": self.counts[:, 3],
                    "odds_ratio": ratio,
                    "lower": self.tests.lower,
                    "upper": self.tests.upper,
                    "p": self.tests.p,
                    "q": self.q,
                    "pattern": np.where(ratio > 1, "together", "exclusive"),
                }
            )
            .with_columns(pl.col("odds_ratio").fill_nan(None))
            .with_columns(pattern=pl.when(pl.col("odds_ratio").is_not_null()).then("pattern"))
            .sort("p", maintain_order=True)
        )

    def pair(self, one: str, other: str) -> dict[str, object]:
        """The row of the table for one pair, in either order."""
        rows = self.table().filter(
            pl.col("first").is_in([one, other]) & pl.col("second").is_in([one, other])
        )
        if rows.is_empty():
            raise NothingToAnalyse(
                f"{one} and {other} were not compared",
                remedy="name both among the alterations, and see how many carry them",
            )
        return rows.row(0, named=True)

    def __str__(self) -> str:
        """The most striking pairs."""
        return printing.page(
            f"co-mutation of {len(self.names)} alterations: {len(self.first)} pairs",
            printing.grid(self.table(), p_values=("p", "q"), most=SHOWN),
        )


def comutation(
    table: Tabular,
    alterations: Sequence[str],
    *,
    least: int = 1,
    level: float = 0.95,
    method: Method = "BH",
) -> CoMutation:
    """Test every pair of alterations for coming together or excluding each other.

    Args:
        table: one row per patient; an alteration is "negative" or "positive", a truth value, or 0
            or 1, and null where it was not tested.
        alterations: the columns.
        least: alterations with fewer carriers are left out.
        level: coverage of the intervals.
        method: how p-values are adjusted for the number of pairs.

    Raises:
        NothingToAnalyse: fewer than two alterations are left.

    >>> table = pl.DataFrame({"NPM1": [1, 1, 1, 0, 0, 0, 1, 0], "DNMT3A": [1, 1, 1, 0, 0, 0, 0, 1]})
    >>> comutation(table, ["NPM1", "DNMT3A"]).table()["odds_ratio"].round(3).to_list()
    [6.408]
    """
    known = Findings.of(table, alterations).common(least)
    if len(known.names) < 2:
        raise NothingToAnalyse(
            f"fewer than two alterations have {least} carriers",
            remedy="name more alterations or ask for fewer carriers",
        )
    first, second = np.triu_indices(len(known.names), k=1)
    negative = known.tested - known.carried
    parts = (
        known.carried.T @ known.carried,
        known.carried.T @ negative,
        negative.T @ known.carried,
        negative.T @ negative,
    )
    counts = np.column_stack([part[first, second] for part in parts]).astype(np.intp)
    tests = fisher(counts, level)
    return CoMutation(
        names=known.names,
        first=first,
        second=second,
        counts=counts,
        tests=tests,
        q=adjust(tests.p, method),
        level=level,
        method=method,
    )
