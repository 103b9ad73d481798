"""A recoded table: to which level each cell was generalised, and which rows were suppressed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from haemony.privacy.anonymity.hierarchy import EVERYTHING, MISSING, Counts
from haemony.privacy.anonymity.lattice import Problem
from haemony.privacy.anonymity.loss import Loss
from haemony.privacy.anonymity.models import failing
from haemony.privacy.anonymity.table import Bools, Node, Table

Levels = NDArray[np.int8]


@dataclass(frozen=True)
class Recoded:
    """The rows of a table, generalised.

    Attributes:
        table: The rows as they were.
        levels: Per quasi-identifier, the level (n,) of each row's cell.
        suppressed: (n,) rows of which nothing is told.
        class_of_row: (n,) the class of each row; no class holds suppressed rows and others.
        population_of_row: (n,) rows of the population that each row may be confused with; None
            where no population is given, or cells of a column have different levels.
    """

    table: Table
    levels: tuple[Levels, ...]
    suppressed: Bools
    class_of_row: Counts
    population_of_row: Counts | None = None

    @cached_property
    def loss(self) -> Loss:
        """What was lost."""
        sums = []
        for codes, levels, hierarchy in zip(
            self.table.columns, self.levels, self.table.hierarchies, strict=True
        ):
            counts = np.array(hierarchy.leaf_counts)[levels, codes[self.table.of_row]]
            sums.append(int(np.where(self.suppressed, hierarchy.size, counts).sum()))
        sizes = [hierarchy.size for hierarchy in self.table.hierarchies]
        return Loss.of_sums(sums, sizes=sizes, rows=self.table.rows)

    @cached_property
    def class_sizes(self) -> Counts:
        """Rows (n,) of each row's class; 0 for a suppressed row."""
        sizes = np.bincount(self.class_of_row)[self.class_of_row]
        return np.where(self.suppressed, 0, sizes).astype(np.int64)

    def columns(self) -> list[pl.Series]:
        """The quasi-identifiers as text; nulls stay null, suppressed rows say ``*``."""
        written = []
        for codes, levels, hierarchy in zip(
            self.table.columns, self.levels, self.table.hierarchies, strict=True
        ):
            labels = pl.Series(
                hierarchy.attribute,
                [label for level in hierarchy.levels for label in level] + [EVERYTHING],
                dtype=pl.String,
            ).replace({MISSING: None})
            place = levels.astype(np.int64) * hierarchy.size + codes[self.table.of_row]
            place = np.where(self.suppressed, len(labels) - 1, place)
            written.append(labels.gather(pl.Series(place)))
        return written


def recoded_to(problem: Problem, node: Node) -> Recoded:
    """Full-domain generalisation: every row to the same node, failing classes suppressed."""
    table = problem.table
    classes = table.classes(node)
    failed = failing(problem.models, classes)
    class_of_row = classes.of_tuple[table.of_row]
    return Recoded(
        table,
        tuple(np.full(table.rows, level, dtype=np.int8) for level in node),
        failed[class_of_row],
        class_of_row,
        classes.population[class_of_row] if table.population.any() else None,
    )
