"""Disclosure risk: how likely a row of a table is traced to its person.

*Prosecutor*: the attacker knows that the target is in the table; the risk of a row is one over the
size of its class. *Journalist*: the attacker knows only that the target is in the population; one
over the size of the class there. *Marketer*: the share of all rows an attacker would get right on
average. (El Emam 2013, *Guide to the De-Identification of Personal Health Information*;
Dankar, El Emam 2010, doi:10.1145/1754239.1754271.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.anonymity.hierarchy import Codes, Counts, as_text
from haemony.privacy.anonymity.table import Floats, check_columns, distinct

THRESHOLD = 0.09
"""Of public release by EMA Policy 0070 and Health Canada: classes of at least 12 rows."""


@dataclass(frozen=True)
class Exposure:
    """How the risks of single rows spread.

    Attributes:
        individual: (n,) risk of each row.
        threshold: What a single risk should not exceed.
    """

    individual: Floats = field(repr=False)
    threshold: float

    @property
    def highest(self) -> float:
        """The largest risk of a row; 0 in an empty table."""
        return float(self.individual.max(initial=0.0))

    @property
    def mean(self) -> float:
        """The mean risk of a row; 0 in an empty table."""
        return float(self.individual.mean()) if len(self.individual) else 0.0

    @property
    def above_threshold(self) -> float:
        """The share of rows whose risk exceeds the threshold."""
        return _share(int((self.individual > self.threshold).sum()), len(self.individual))


@dataclass(frozen=True)
class Risk:
    """The disclosure risk of a table.

    Attributes:
        quasi_identifiers: The columns an attacker may know.
        threshold: What a single risk should not exceed.
        of_row: (n,) size of each row's class.
        population_of_row: (n,) rows of the population that share each row's values; None without
            a population.
    """

    quasi_identifiers: tuple[str, ...]
    threshold: float
    of_row: Counts = field(repr=False)
    population_of_row: Counts | None = field(repr=False, default=None)

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(self.of_row)

    @cached_property
    def class_sizes(self) -> pl.DataFrame:
        """Per class size: ``size``, how many ``classes`` have it, and their ``rows``."""
        size, rows = np.unique(self.of_row, return_counts=True)
        return pl.DataFrame({"size": size, "classes": rows // size, "rows": rows})

    @property
    def classes(self) -> int:
        """Classes of rows that are equal in every quasi-identifier."""
        return int(self.class_sizes["classes"].sum())

    @property
    def smallest_class(self) -> int:
        """Rows of the smallest class; 0 in an empty table."""
        return int(self.of_row.min()) if self.rows else 0

    @property
    def uniques(self) -> int:
        """Rows that are alone in their class."""
        return int((self.of_row == 1).sum())

    @property
    def unique_share(self) -> float:
        """Their share of the rows."""
        return _share(self.uniques, self.rows)

    def share_in_classes_below(self, k: int) -> float:
        """The share of rows in classes of fewer than k rows."""
        return _share(int((self.of_row < k).sum()), self.rows)

    @cached_property
    def prosecutor(self) -> Exposure:
        """For an attacker who knows that the target is in the table."""
        return Exposure(1 / self.of_row, self.threshold)

    @cached_property
    def journalist(self) -> Exposure | None:
        """For an attacker who knows that the target is in the population; None without one."""
        if self.population_of_row is None:
            return None
        return Exposure(1 / self.population_of_row, self.threshold)

    @property
    def marketer(self) -> float:
        """The share of rows an attacker gets right on average who matches all of them.

        Against the population where there is one, else against the table itself.
        """
        return (self.journalist or self.prosecutor).mean


def risk(
    frame: pl.DataFrame,
    quasi_identifiers: Sequence[str],
    threshold: float = THRESHOLD,
    population: pl.DataFrame | None = None,
) -> Risk:
    """Measure the disclosure risk of a table.

    Empty cells are a value of their own: two rows that lack a value are equal in it.

    Args:
        frame: Any frame.
        quasi_identifiers: The columns an attacker may know.
        threshold: What a single risk should not exceed.
        population: Everybody the attacker may confuse with a row: the same columns, with the
            table's own rows among them.

    Raises:
        NoSuchColumn: When a frame lacks a quasi-identifier.
        BadModel: When no quasi-identifier is named, or the population lacks rows of the table.

    Example:
        >>> patients = pl.DataFrame({"sex": ["f", "f", "m"], "age": [61, 61, 70]})
        >>> found = risk(patients, ["sex", "age"])
        >>> found.uniques, found.smallest_class, round(found.prosecutor.mean, 3)
        (1, 1, 0.667)
    """
    if not quasi_identifiers:
        raise BadModel("no quasi-identifier is named", remedy="name at least one column")
    if not 0 < threshold <= 1:
        raise BadModel(f"the threshold is {threshold}", remedy="choose it above 0 and up to 1")
    frames = [frame] if population is None else [frame, population]
    codes, sizes = encoded(frames, quasi_identifiers)
    number, first = distinct(codes, sizes)
    here = number[: frame.height]
    of_row = np.bincount(here, minlength=len(first))[here]
    there = None
    if population is not None:
        there = np.bincount(number[frame.height :], minlength=len(first))[here]
        short = int((there < of_row).sum())
        if short:
            raise BadModel(
                f"{short} rows of the table are not in the population",
                remedy="give a population that includes the table's own rows",
            )
    return Risk(tuple(quasi_identifiers), threshold, of_row, there)


def encoded(
    frames: Sequence[pl.DataFrame], columns: Sequence[str]
) -> tuple[list[Codes], list[int]]:
    """Each column as small numbers, and how many."""
    for frame in frames:
        check_columns(frame, columns)
    codes, sizes = [], []
    for name in columns:
        cells = pl.concat([as_text(frame[name]) for frame in frames])
        kinds = cells.unique()
        codes.append(cells.cast(pl.Enum(kinds)).to_physical().to_numpy().astype(np.int32))
        sizes.append(max(len(kinds), 1))
    return codes, sizes


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
