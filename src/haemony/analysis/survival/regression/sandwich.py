"""What robust variances rest on: squared shares of rows, or of clusters of rows, in a score.

Lin DY, Wei LJ (1989) The robust inference for the Cox proportional hazards model. JASA
84:1074-1078.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from haemony.analysis.survival.data.arrays import Floats, Integers, constant
from haemony.analysis.survival.data.columns import add_by


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of n rows in a score of p coefficients, summed.

    Attributes:
        total: (p,) their sum.
        square: (p, p) the sum of their outer squares, rows of one cluster taken together.
    """

    total: Floats
    square: Floats

    @classmethod
    def of(cls, blocks: Iterable[tuple[slice, Floats]], cluster: Integers | None, p: int) -> Self:
        """Sum shares that come as blocks (m, p) of rows, whose clusters (n,) may be known.

        >>> rows = np.array([[1.0], [2.0], [3.0]])
        >>> Shares.of([(slice(0, 3), rows)], np.array([0, 0, 1]), 1).square
        array([[18.]])
        """
        total, square = np.zeros(p), np.zeros((p, p))
        size = 0 if cluster is None else int(cluster.max(initial=-1)) + 1
        sums = np.zeros((size, p))
        for part, rows in blocks:
            total += rows.sum(axis=0)
            if cluster is None:
                square += rows.T @ rows
            else:
                add_by(sums, cluster[part], constant(1.0, len(rows)), rows)
        return cls(total, square + sums.T @ sums)
