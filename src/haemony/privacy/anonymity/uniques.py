"""Special uniques: rows that few attributes already single out.

A *minimal sample unique* is a set of attributes in which a row is unique while it is not in any
part of that set. The smaller and the more such sets, the more special the row, and the likelier it
is unique in the population too (Elliot, Manning, Ford 2002, doi:10.1142/S0218488502001600; Manning,
Haglin, Keane 2008, doi:10.1007/s10618-007-0078-6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import polars as pl

from haemony.privacy.anonymity.disclosure import encoded
from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.anonymity.hierarchy import Counts
from haemony.privacy.anonymity.table import Bools, distinct


@dataclass(frozen=True)
class SpecialUniques:
    """The minimal sample uniques of a table.

    Attributes:
        largest: Sets of up to this many attributes were looked at.
        by_set: How many rows each set of attributes singles out minimally.
        smallest: (n,) attributes in the smallest minimal unique of each row; 0 for a row that has
            none.
        scores: (n,) for each minimal unique of m attributes out of q, the product of q - i over i
            from m to ``largest`` (at most q - 1), added up.
    """

    largest: int
    by_set: dict[tuple[str, ...], int]
    smallest: Counts = field(repr=False)
    scores: Counts = field(repr=False)


def special_uniques(
    frame: pl.DataFrame, quasi_identifiers: Sequence[str], largest: int = 3
) -> SpecialUniques:
    """Find the minimal sample uniques of every row, up to a number of attributes.

    Args:
        frame: Any frame.
        quasi_identifiers: The columns an attacker may know.
        largest: Most attributes in a set. All sets up to this size are grouped once.

    Raises:
        NoSuchColumn: When the frame lacks a quasi-identifier.
        BadModel: When no quasi-identifier is named or ``largest`` is not positive.

    Example:
        >>> patients = pl.DataFrame({"sex": ["f", "f", "m", "m"], "age": [61, 70, 61, 90]})
        >>> found = special_uniques(patients, ["sex", "age"], largest=2)
        >>> found.smallest.tolist(), found.by_set
        ([2, 1, 2, 1], {('age',): 2, ('sex', 'age'): 2})
    """
    if not quasi_identifiers or largest < 1:
        raise BadModel("no set of attributes is left to look at", remedy="name a column, largest 1")
    codes, sizes = encoded([frame], quasi_identifiers)
    count, largest = len(codes), min(largest, len(codes))
    smallest = np.zeros(frame.height, dtype=np.int64)
    scores = np.zeros(frame.height, dtype=np.int64)
    by_set: dict[tuple[str, ...], int] = {}
    below: dict[tuple[int, ...], Bools] = {}
    for size in range(1, largest + 1):
        weight = math.prod(count - i for i in range(size, min(largest, count - 1) + 1))
        here: dict[tuple[int, ...], Bools] = {}
        for chosen in combinations(range(count), size):
            number, _ = distinct([codes[i] for i in chosen], [sizes[i] for i in chosen])
            alone = np.bincount(number)[number] == 1
            parts = [below[part] for part in combinations(chosen, size - 1) if part]
            minimal = alone & ~np.logical_or.reduce(parts, axis=0) if parts else alone
            here[chosen] = alone
            scores += weight * minimal
            smallest = np.where(minimal & (smallest == 0), size, smallest)
            if minimal.any():
                by_set[tuple(quasi_identifiers[i] for i in chosen)] = int(minimal.sum())
        below = here
    return SpecialUniques(largest, by_set, smallest, scores)
