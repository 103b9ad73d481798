"""Small counts are not written out, nor what would give them back.

A count from 1 to one less than the minimum becomes "<5" (for a minimum of 5); where it stands alone
in a row or column whose total is printed, another count becomes "hidden" as well. Zeros
and counts of missing values are shown: they describe no one's disease. This protects a table from
simple subtraction. It is not the disclosure control of a released output, which also looks at
differences between outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HIDDEN = "hidden"
Shown = int | str
"""A count as it is written: a number, "<5", or "hidden"."""


def shown_row(counts: Sequence[int], minimum: int) -> tuple[Shown, ...]:
    """Counts whose total is printed beside them.

    >>> shown_row([3, 10, 40], 5), shown_row([0, 10, 40], 5)
    (('<5', 'hidden', 40), (0, 10, 40))
    """
    return shown_table([counts], minimum)[0]


def shown_table(table: Sequence[Sequence[int]], minimum: int) -> tuple[tuple[Shown, ...], ...]:
    """Counts whose row and column totals are printed beside them.

    >>> shown_table([[2, 30], [40, 50], [60, 70]], 5)
    (('<5', 'hidden'), ('hidden', 'hidden'), (60, 70))
    """
    counts = np.asarray(table, dtype=np.int64)
    if not counts.size:
        return tuple(() for _ in table)
    small = (counts > 0) & (counts < minimum)
    hidden = small.copy()
    while _hide_one(counts, hidden) or _hide_one(counts.T, hidden.T):
        pass
    return tuple(
        tuple(
            f"<{minimum}" if small[i, j] else HIDDEN if hidden[i, j] else int(counts[i, j])
            for j in range(counts.shape[1])
        )
        for i in range(counts.shape[0])
    )


def shown(count: int, minimum: int) -> Shown:
    """One count on its own."""
    return f"<{minimum}" if 0 < count < minimum else count


def _hide_one(counts: NDArray[np.int64], hidden: NDArray[np.bool_]) -> bool:
    """Where one cell of a row is hidden, hide another one too; whether any was.

    Best is a cell whose column hides one already, then the smallest; a zero is the last resort.
    """
    for i in np.flatnonzero(hidden.sum(axis=1) == 1):
        others = np.flatnonzero(~hidden[i])
        if others.size:
            row, alone = counts[i, others], hidden[:, others].sum(axis=0) == 0
            hidden[i, others[np.lexsort((row, alone, row == 0))[0]]] = True
            return True
    return False
