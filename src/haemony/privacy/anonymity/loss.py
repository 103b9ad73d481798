"""What a generalised table has lost: how much of each domain its cells leave open.

The share of a cell is the number of leaves under its value over the leaves of the hierarchy; a
suppressed row has share 1 everywhere. The loss of an attribute is the mean share, stretched so that
the untouched table has 0 and the empty one 1; the loss of a table is the arithmetic mean over the
attributes (Iyengar 2002, doi:10.1145/775047.775089). Sums of leaves are whole numbers, so losses
are exact fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from haemony.privacy.anonymity.hierarchy import Counts


@dataclass(frozen=True)
class Loss:
    """The loss of a table.

    Attributes:
        by_attribute: Per quasi-identifier, between 0 (untouched) and 1 (empty).

    Example:
        >>> Loss.of_sums([30, 10], sizes=[4, 2], rows=10)
        Loss(by_attribute=(Fraction(2, 3), Fraction(0, 1)))
        >>> float(Loss.of_sums([30, 10], sizes=[4, 2], rows=10).total)
        0.3333333333333333
    """

    by_attribute: tuple[Fraction, ...]

    @classmethod
    def of_sums(cls, sums: Sequence[int | Fraction], *, sizes: Sequence[int], rows: int) -> Loss:
        """From the leaves under all cells of an attribute, added up over the rows.

        Args:
            sums: Per attribute, leaves under its cells over all rows.
            sizes: Per attribute, leaves of its hierarchy; where it is 1 nothing can be lost.
            rows: Rows of the table, suppressed ones included.
        """
        return cls(
            tuple(
                Fraction(total - rows) / (rows * (size - 1)) if rows and size > 1 else Fraction(0)
                for total, size in zip(sums, sizes, strict=True)
            )
        )

    @property
    def total(self) -> Fraction:
        """The arithmetic mean over the attributes."""
        return sum(self.by_attribute, Fraction(0)) / len(self.by_attribute)


def discernibility(sizes: Counts, suppressed: int) -> int:
    """Squared class sizes, and the whole table for every suppressed row (Bayardo, Agrawal 2005).

    Args:
        sizes: (c,) rows of each class that was kept.
        suppressed: Rows suppressed.

    >>> import numpy as np
    >>> discernibility(np.array([3, 2]), suppressed=1)
    19
    """
    rows = int(sizes.sum()) + suppressed
    return int((sizes.astype(object) ** 2).sum()) + suppressed * rows


def average_class_size(sizes: Counts) -> float:
    """Rows per class among the classes that were kept; 0 where none was.

    >>> import numpy as np
    >>> average_class_size(np.array([3, 2]))
    2.5
    """
    held = sizes[sizes > 0]
    return float(held.mean()) if len(held) else 0.0
