"""Small counts are not written out, nor what would give them back.

A count from 1 to one less than the minimum becomes "<5" (for a minimum of 5); where it stands alone
in a row or column whose total is printed, another count becomes "hidden" as well. Zeros
and counts of missing values are shown in tables: they describe no one's disease. Sentences say
"fewer than 5", and no share beside it. This protects from simple subtraction. It is not the
disclosure control of a released output, which also looks at differences between outputs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

HIDDEN = "hidden"
Shown = int | str
"""A count as it is written: a number, "<5", or "hidden"."""
_K = TypeVar("_K", bound=Hashable)


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


def shown_sums(
    counts: Mapping[_K, int], sums: Sequence[Sequence[_K]], minimum: int
) -> dict[_K, Shown]:
    """Counts by name, some of which add up to what is printed elsewhere.

    Args:
        counts: the counts.
        sums: the names of counts whose sum, or whose balance, is known.
        minimum: the smallest count that is written.

    >>> shown_sums({"to CR": 3, "to death": 20, "stay": 9}, [["to CR", "to death", "stay"]], 5)
    {'to CR': '<5', 'to death': 20, 'stay': 'hidden'}
    """
    hidden = {name for name, count in counts.items() if 0 < count < minimum}
    pending = True
    while pending:
        pending = False
        for names in sums:
            open_ones = [name for name in names if name not in hidden]
            if len(names) - len(open_ones) == 1 and open_ones:
                hidden.add(min(open_ones, key=lambda name: (counts[name] == 0, counts[name])))
                pending = True
    return {
        name: shown(count, minimum) if name not in hidden or 0 < count < minimum else HIDDEN
        for name, count in counts.items()
    }


def hides(minimum: int, *counts: int) -> bool:
    """Whether any of these counts is too small to be told, or gives one back."""
    return any(0 < count < minimum for count in counts)


def told(count: int, minimum: int) -> str:
    """A count within a sentence.

    >>> told(3, 5), told(1540, 5), told(0, 5)
    ('fewer than 5', '1,540', '0')
    """
    return f"fewer than {minimum}" if hides(minimum, count) else f"{count:,}"


def told_of(part: int, whole: int, minimum: int, *, what: str = "patients") -> str:
    """A part of a whole within a sentence, with its share unless that would give it back.

    >>> told_of(30, 40, 5), told_of(3, 40, 5)
    ('30 of 40 patients (75%)', 'fewer than 5 of 40 patients')
    >>> told_of(38, 40, 5), told_of(2, 4, 5)
    ('all but fewer than 5 of 40 patients', 'some of fewer than 5 patients')
    """
    if hides(minimum, whole):
        return f"some of {told(whole, minimum)} {what}"
    if hides(minimum, whole - part):
        return f"all but {told(whole - part, minimum)} of {whole:,} {what}"
    share = f" ({part / whole:.0%})" if whole and not hides(minimum, part) else ""
    return f"{told(part, minimum)} of {whole:,} {what}{share}"


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
