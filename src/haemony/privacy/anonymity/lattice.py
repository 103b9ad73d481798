"""The lattice of full-domain generalisations, and what one evaluated node says about the others.

A node gives every quasi-identifier one level. Evaluating it groups the rows once. Rows that are
doomed there are suppressed at every more specific node too, and each other cell costs at least the
leaves under it: so one evaluation bounds the loss of all nodes below, attribute by attribute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np

from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.anonymity.hierarchy import Counts
from haemony.privacy.anonymity.loss import Loss
from haemony.privacy.anonymity.models import Model, doomed, failing
from haemony.privacy.anonymity.table import Classes, Floats, Node, Table

ROUNDING = 1e-12
"""Bounds are sums of floats: a node is left out only if its bound exceeds the best by more."""


@dataclass(frozen=True)
class Rank:
    """The total order of results: lower is better.

    Loss first; then fewer suppressed rows, fewer levels in all, lower levels from left to right.
    """

    loss: Fraction
    suppressed: int
    height: int
    node: Node

    def __lt__(self, other: Rank) -> bool:
        return self._key < other._key

    @property
    def _key(self) -> tuple[Fraction, int, int, Node]:
        return self.loss, self.suppressed, self.height, self.node


@dataclass(frozen=True)
class Evaluation:
    """What grouping the rows at one node has shown.

    Attributes:
        node: The node.
        suppressed: Rows in failing classes.
        loss: Its loss; None where more rows fail than may be suppressed.
        terms: Per quasi-identifier, the least it adds to the loss of a node below this one, by the
            level it has there; None where no node below (this one included) can be a result.
    """

    node: Node
    suppressed: int
    loss: Loss | None
    terms: tuple[Floats, ...] | None

    @property
    def rank(self) -> Rank | None:
        """Its place among the results."""
        if self.loss is None:
            return None
        return Rank(self.loss.total, self.suppressed, sum(self.node), self.node)


def better(evaluation: Evaluation, best: Evaluation | None) -> bool:
    """Whether an evaluation comes before the best so far."""
    rank, against = evaluation.rank, best.rank if best else None
    return rank is not None and (against is None or rank < against)


@dataclass(frozen=True)
class Proof:
    """How far a search came.

    Attributes:
        optimal: Whether nothing in the lattice has a smaller loss.
        loss: Loss of the best result.
        bound: No result has a smaller loss.
        evaluated: Nodes evaluated.
        lattice: Nodes there are.
    """

    optimal: bool
    loss: float
    bound: float
    evaluated: int
    lattice: int

    @property
    def gap(self) -> float:
        """Loss above the bound: 0 when optimal."""
        return max(self.loss - self.bound, 0.0)


@dataclass(frozen=True)
class Found:
    """The best result of a search, and the proof."""

    evaluation: Evaluation
    proof: Proof


@dataclass(frozen=True)
class Problem:
    """Find the generalisation of a table that satisfies the models at the least loss.

    Attributes:
        table: The rows.
        models: What each class must satisfy.
        allowed: Rows that may be suppressed.
        price: What a suppressed row counts: 1, or less for rows that get another chance.
    """

    table: Table
    models: tuple[Model, ...]
    allowed: int
    price: Fraction = Fraction(1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of each quasi-identifier."""
        return tuple(hierarchy.height for hierarchy in self.table.hierarchies)

    @property
    def nodes(self) -> int:
        """Nodes of the lattice."""
        return math.prod(self.shape)

    def evaluate(self, node: Node) -> Evaluation:
        """Group the rows at a node."""
        classes = self.table.classes(node)
        failed = failing(self.models, classes)
        suppressed = int(classes.sizes[failed].sum())
        sound = suppressed <= self.allowed and not self._beyond_mending(classes, failed)
        loss = self._loss(node, self._kept(classes, failed), suppressed) if sound else None
        if not sound and self.allowed == 0:
            return Evaluation(node, suppressed, None, None)
        certain = doomed(self.models, classes)
        out = int(classes.sizes[certain].sum())
        if out > self.allowed or self._beyond_mending(classes, certain):
            return Evaluation(node, suppressed, None, None)
        return Evaluation(node, suppressed, loss, self._terms(node, self._kept(classes, certain)))

    @cached_property
    def _rows(self) -> int:
        return int(self.table.counts.sum())

    def _beyond_mending(self, classes: Classes, failed: np.ndarray) -> bool:
        """Whether a class of the population alone fails."""
        return bool((failed & (classes.sizes == 0)).any())

    def _kept(self, classes: Classes, failed: np.ndarray) -> Counts:
        """Rows of each tuple that are not suppressed."""
        return np.where(failed[classes.of_tuple], 0, self.table.counts)

    def _loss(self, node: Node, kept: Counts, suppressed: int) -> Loss:
        sums = [
            int(np.dot(hierarchy.leaf_counts[level][codes], kept))
            + suppressed * (1 + self.price * (hierarchy.size - 1))
            for codes, hierarchy, level in zip(
                self.table.columns, self.table.hierarchies, node, strict=True
            )
        ]
        sizes = [hierarchy.size for hierarchy in self.table.hierarchies]
        return Loss.of_sums(sums, sizes=sizes, rows=self._rows)

    def _terms(self, node: Node, kept: Counts) -> tuple[Floats, ...]:
        rows, attributes = self._rows, len(node)
        out = rows - int(kept.sum())
        terms = []
        for codes, hierarchy, level in zip(
            self.table.columns, self.table.hierarchies, node, strict=True
        ):
            if hierarchy.size == 1 or not rows:
                terms.append(np.zeros(level + 1))
                continue
            seen = np.bincount(codes, weights=kept, minlength=hierarchy.size)
            lost = out * (1 + float(self.price) * (hierarchy.size - 1))
            sums = self._stacks[hierarchy.attribute][: level + 1] @ seen + lost
            terms.append((sums - rows) / (rows * (hierarchy.size - 1) * attributes))
        return tuple(terms)

    @cached_property
    def _stacks(self) -> dict[str, Floats]:
        """Per attribute, leaves under each leaf's label by level, as floats."""
        return {
            hierarchy.attribute: np.array(hierarchy.leaf_counts, dtype=np.float64)
            for hierarchy in self.table.hierarchies
        }


def allowed_rows(limit: float, rows: int) -> int:
    """How many rows a suppression limit allows: ⌊limit · rows⌋, the limit read as decimal digits.

    >>> allowed_rows(0.29, 100)
    29

    Raises:
        BadModel: When the limit is not between 0 and 1.
    """
    if not 0 <= limit <= 1:
        raise BadModel(
            f"the suppression limit is {limit}", remedy="choose a share of rows between 0 and 1"
        )
    return math.floor(Fraction(Decimal(repr(limit))) * rows)
