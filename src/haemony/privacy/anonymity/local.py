"""Local recoding: each class of rows is generalised only as far as it needs.

The same loss is minimised as over a whole column, but classes may differ. The nodes of the lattice
are swept from cheap to dear. At each, rows that are still open are grouped; a group that satisfies
the models becomes a class for good, once the sweep has reached the cost of its own cells. So when a
class is closed, no cheaper cells exist that its rows could share with enough other open rows. In
the end every class goes back to the least general cells that still cover its rows.

A lattice too large to sweep is climbed instead: at rising prices, a bounded search finds the node
that is best for the open rows while each row it leaves open costs the price, and its groups up to
the price are closed.

Relatives: repeated full-domain recoding of what was suppressed, and Mondrian (LeFevre et al. 2006,
doi:10.1109/ICDE.2006.101). The result is a heuristic: it comes without a bound.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from haemony.privacy.anonymity.faults import BadModel, NotReachable
from haemony.privacy.anonymity.hierarchy import Codes, Counts
from haemony.privacy.anonymity.lattice import ROUNDING, Problem
from haemony.privacy.anonymity.models import (
    AverageRisk,
    KAnonymity,
    Model,
    StrictAverageRisk,
    failing,
)
from haemony.privacy.anonymity.optimum import Effort, cheapest
from haemony.privacy.anonymity.recoding import Levels, Recoded
from haemony.privacy.anonymity.table import Floats, Node, Table, distinct

LARGEST = 200_000
"""Lattices with more nodes are not swept node by node."""

STEP = Fraction(5, 4)
"""Where they are not, the sweep stops at prices that grow by this factor."""

TRIES = Effort(evaluations=40)
"""Nodes to evaluate for the best one at a price."""


def local(problem: Problem) -> Recoded:
    """Recode the rows class by class.

    Average risks are reached by classes of at least one over the threshold.

    Raises:
        BadModel: When a model looks at a population.
        NotReachable: When the whole table as one class does not satisfy the models.
    """
    sweep = _Sweep(problem.table, tuple(map(_class_by_class, problem.models)))
    if problem.nodes <= LARGEST:
        for cost, node in _nodes(problem.table):
            if not sweep.run_until(cost):
                break
            sweep.visit(node, cost)
    else:
        for price in _prices():
            sweep.climb(price)
        sweep.visit(problem.table.top, 1.0)
    sweep.run_until(math.inf)
    sweep.close(problem.allowed)
    return sweep.recoded()


def _class_by_class(model: Model) -> Model:
    """A model that judges each class alone and implies the one given."""
    if isinstance(model, AverageRisk):
        return KAnonymity(math.ceil(1 / model.threshold - ROUNDING))
    if isinstance(model, StrictAverageRisk):
        return KAnonymity(math.ceil(1 / min(model.threshold, model.maximum) - ROUNDING))
    if model.needs_population:
        raise BadModel(
            f"{model} compares a class with the population, whose rows local recoding cannot place",
            remedy="use full-domain recoding",
        )
    return model


def _nodes(table: Table) -> Iterator[tuple[float, Node]]:
    """All nodes, by the mean cost of their cells."""
    total: Floats = np.zeros(())
    for codes, cost in zip(table.columns, _costs(table), strict=True):
        total = np.add.outer(total, cost[:, codes] @ table.counts / max(table.rows, 1))
    order = np.argsort(total, axis=None, kind="stable")
    for position in order:
        node = tuple(int(level) for level in np.unravel_index(position, total.shape))
        yield float(total[node]), node


def _prices() -> list[Fraction]:
    """Rising prices from a thousandth to 1."""
    prices = [Fraction(1)]
    while prices[-1] > Fraction(1, 1000):
        prices.append(prices[-1] / STEP)
    return prices[::-1]


def _costs(table: Table) -> list[Floats]:
    """Per quasi-identifier, what a cell adds to the loss of its row, by level and leaf."""
    count = len(table.hierarchies)
    return [
        (np.array(h.leaf_counts, dtype=np.float64) - 1) / max(h.size - 1, 1) / count
        for h in table.hierarchies
    ]


class _Sweep:
    """The state of one sweep: which rows are open, and the classes closed so far."""

    def __init__(self, table: Table, models: tuple[Model, ...]) -> None:
        self.table, self.models = table, models
        held = table.counts > 0
        self.open = table.part(held)
        """What is left of the table."""
        self.places = np.flatnonzero(held)
        """The tuple (o,) of the whole table that each open tuple is."""
        self.levels = np.zeros((table.size, len(table.hierarchies)), dtype=np.int8)
        self.class_of = np.full(table.size, -1, dtype=np.int64)
        self.classes = 0
        self.costs = _costs(table)
        self.waiting: list[tuple[float, Node]] = []
        """Nodes with groups dearer than the sweep, by when it reaches the cheapest of them."""

    @property
    def open_rows(self) -> int:
        """Rows without a class."""
        return int(self.open.counts.sum())

    def run_until(self, cost: float) -> bool:
        """Visit the waiting nodes that come before a cost; whether rows are still open."""
        while self.waiting and self.waiting[0][0] <= cost and self.open.size:
            due, node = heapq.heappop(self.waiting)
            self.visit(node, due)
        return bool(self.open.size)

    def visit(self, node: Node, cost: float) -> None:
        """Close the groups of open rows that satisfy the models and cost no more than this."""
        classes = self.open.classes(node)
        sound = (classes.sizes > 0) & ~failing(self.models, classes)
        if not sound.any():
            return
        able = np.flatnonzero(sound[classes.of_tuple])
        prices = self._prices(node, able)
        dear = prices > cost + ROUNDING
        if dear.any():
            heapq.heappush(self.waiting, (float(prices[dear].min()), node))
        self._close(able[~dear], classes.of_tuple[able[~dear]], node)

    def climb(self, price: Fraction) -> None:
        """Close groups up to a price, at the best nodes found while a row left open costs that."""
        cost = float(price)
        while self.run_until(cost):
            before = self.open.size
            problem = Problem(self.open, self.models, self.open_rows, price)
            node = cheapest(problem, TRIES)
            if node is None:
                return
            self.visit(node, cost)
            if self.open.size == before:
                return

    def _prices(self, node: Node, tuples: Counts) -> Floats:
        """What the cells (t,) of open tuples cost at a node; one price per group."""
        total = np.zeros(len(tuples))
        for cost, codes, level in zip(self.costs, self.open.columns, node, strict=True):
            total += cost[level][codes[tuples]]
        return total

    def _close(self, tuples: Counts, groups: Counts, node: Node) -> None:
        if not len(tuples):
            return
        numbers, number = np.unique(groups, return_inverse=True)
        here = self.places[tuples]
        self.levels[here] = node
        self.class_of[here] = self.classes + number
        self.classes += len(numbers)
        left = np.ones(self.open.size, dtype=np.bool_)
        left[tuples] = False
        self.open, self.places = self.open.part(left), self.places[left]

    def close(self, allowed: int) -> None:
        """Suppress what is still open, or join it with the classes closed last.

        Raises:
            NotReachable: When the whole table as one class does not satisfy the models.
        """
        rows = self.open_rows
        if rows <= allowed:
            return
        while self.classes:
            self.classes -= 1
            self.class_of[self.class_of == self.classes] = -1
            left = (self.class_of < 0) & (self.table.counts > 0)
            self.open, self.places = self.table.part(left), np.flatnonzero(left)
            classes = self.open.classes(self.table.top)
            if not failing(self.models, classes).any():
                self._close(np.arange(self.open.size), classes.of_tuple, self.table.top)
                return
        names = [str(model) for model in self.models]
        raise NotReachable(names, failing=rows, allowed=allowed)

    def recoded(self) -> Recoded:
        """The rows with the least general cells that cover their classes; equal ones are joined."""
        gone = self.class_of < 0
        columns: list[Codes] = []
        levels: list[Levels] = []
        for codes, hierarchy in zip(self.table.columns, self.table.hierarchies, strict=True):
            level = _joined_at(self.class_of, codes, hierarchy.groups)
            level[gone] = hierarchy.height - 1
            levels.append(level)
            group = np.array(hierarchy.groups)[level, codes]
            columns.append((level.astype(np.int32) * hierarchy.size + group).astype(np.int32))
        columns.append(gone.astype(np.int32))
        sizes = [hierarchy.height * hierarchy.size for hierarchy in self.table.hierarchies]
        class_of, _ = distinct(columns, [*sizes, 2])
        rows = self.table.of_row
        return Recoded(
            self.table, tuple(level[rows] for level in levels), gone[rows], class_of[rows]
        )


def _joined_at(class_of: Counts, codes: Codes, groups: Sequence[Codes]) -> Levels:
    """The least level (d,) at which all leaves of a tuple's class are one group."""
    order = np.argsort(class_of, kind="stable")
    ordered = class_of[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-2))
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    level = np.zeros(len(order), dtype=np.int8)
    for group in groups[:-1]:
        here = group[codes[order]]
        apart = np.minimum.reduceat(here, starts) != np.maximum.reduceat(here, starts)
        level[order] += apart[number]
    return level
