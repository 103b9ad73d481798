"""Full-domain generalisation at the least loss: exact with proof, or as far as the effort reaches.

Best-first branch and bound over boxes of nodes, from a lowest to a highest corner. The lattice is
never listed: it starts as one box and is cut where something was learnt.

A box costs at least what its lowest corner costs, by the rows that are doomed at an evaluated node
above its highest corner. The box of least bound is opened. A path climbs from its lowest corner,
each step the cheapest, for as long as the bound leaves hope; the node near the end of that path is
evaluated, because a failure there rules out the most. The box falls apart into the part below that
node, which inherits what was learnt, and the parts beside it. Failed nodes also raise the lowest
corners of other boxes. The boxes are disjoint and cover all that is not ruled out: when none is
left the best result is the optimum, and when the effort ends sooner the least bound among them
bounds every result.

The order of results is total (:class:`~haemony.privacy.anonymity.lattice.Rank`) and nodes that tie
with the best are evaluated too, so the optimum depends on the table alone; a search cut short by a
number of evaluations is reproducible, one cut short by the clock is not.

Ideas: OLA (El Emam et al. 2009, doi:10.1197/jamia.M3144), Flash (Kohlmayer et al. 2012,
doi:10.1109/SocialCom-PASSAT.2012.52), Lightning (Prasser et al. 2016, Trans Data Priv 9:161),
antichain pruning (Prasser et al. 2016, doi:10.1186/s12911-016-0287-2).
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from haemony.privacy.anonymity.faults import BadModel, NotReachable
from haemony.privacy.anonymity.lattice import (
    ROUNDING,
    Evaluation,
    Found,
    Problem,
    Proof,
    better,
)
from haemony.privacy.anonymity.table import Floats, Node

REACH = 0.9
"""Where on its path a climb evaluates: of 0.3 to 0.99, the fewest evaluations on census data."""


LONG = 500
"""A search polishes its best result after this many evaluations, then after twice as many."""


@dataclass(frozen=True)
class Effort:
    """When a search may stop before it is done.

    Attributes:
        evaluations: Most nodes to evaluate; the same number gives the same result.
        seconds: Longest time on the clock, checked between evaluations; None for no limit.

    Example:
        >>> Effort(evaluations=1000)
        Effort(evaluations=1000, seconds=None)
    """

    evaluations: int = 100_000
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations < 1 or (self.seconds is not None and not self.seconds > 0):
            raise BadModel("the effort allows nothing", remedy="allow at least one evaluation")


class _Box(NamedTuple):
    """Nodes between two corners; the one of least bound comes first, ties by its lowest corner."""

    bound: float
    lowest: Node
    highest: Node
    terms: tuple[Floats, ...]


def optimum(problem: Problem, effort: Effort = Effort()) -> Found:
    """The generalisation of least loss, or the best found within an effort.

    Raises:
        NotReachable: When no node satisfies the models within the limit, or none was found.
    """
    return _searched(problem, effort).found()


def cheapest(problem: Problem, effort: Effort) -> Node | None:
    """The node found best, if any costs less than suppressing every row."""
    best = _searched(problem, effort).best
    return best.node if best else None


def _searched(problem: Problem, effort: Effort) -> _Search:
    search = _Search(problem, effort)
    while search.open_boxes() and not search.exhausted():
        search.step()
        if search.evaluated >= search.polish_at:
            search.polish()
    return search


class _Search:
    """The state of one search: what is open, what is ruled out, and the best result so far."""

    def __init__(self, problem: Problem, effort: Effort) -> None:
        self.problem, self.effort = problem, effort
        self.ends = math.inf if effort.seconds is None else time.monotonic() + effort.seconds
        self.polish_at = LONG
        """Evaluations after which the best result is polished next."""
        self.polished: set[Node] = set()
        """Neighbours that were looked at."""
        self.best: Evaluation | None = None
        self.ceiling = float(problem.price) + ROUNDING
        """A bound above this leaves no hope: the best loss and a little, so that ties are seen."""
        self.evaluated = 0
        self.fewest = problem.table.rows
        self.corners: set[Node] = set()
        """Evaluated nodes below which there is hope; no box holds one but as its highest corner."""
        self.dead = np.zeros((0, len(problem.table.top)), dtype=np.int64)
        """Nodes (m, q) at and below which nothing can be a result; none below another."""
        self.boxes: list[_Box] = []
        top = problem.table.top
        self.look(top, (0,) * len(top))

    def evaluate(self, node: Node) -> tuple[Floats, ...] | None:
        """Group the rows at a node; None when that rules out all below."""
        self.evaluated += 1
        evaluation = self.problem.evaluate(node)
        self.fewest = min(self.fewest, evaluation.suppressed)
        loss = math.inf if evaluation.loss is None else float(evaluation.loss.total)
        if loss <= self.ceiling and better(evaluation, self.best):
            self.best = evaluation
            self.ceiling = loss + ROUNDING
        if evaluation.terms is None:
            below = (self.dead <= node).all(axis=1)
            self.dead = np.vstack([self.dead[~below], node])
        return evaluation.terms

    def look(self, node: Node, lowest: Node) -> None:
        """Evaluate a node and open the box between it and a lowest corner."""
        terms = self.evaluate(node)
        if terms is not None:
            self.corners.add(node)
            self.push(lowest, node, terms)

    def exhausted(self) -> bool:
        """Whether the effort is spent."""
        return self.evaluated >= self.effort.evaluations or time.monotonic() >= self.ends

    def push(self, lowest: Node, highest: Node, terms: tuple[Floats, ...]) -> None:
        """Open a box, unless there is no hope in it."""
        bound = float(sum(term[level] for term, level in zip(terms, lowest, strict=True)))
        if bound <= self.ceiling:
            heapq.heappush(self.boxes, _Box(bound, lowest, highest, terms))

    def open_boxes(self) -> bool:
        """Whether there is hope left."""
        return bool(self.boxes) and self.boxes[0].bound <= self.ceiling

    def step(self) -> None:
        """Open the box of least bound: shrink it, or learn from one node and cut it."""
        box = heapq.heappop(self.boxes)
        lowest = self._above_the_dead(box)
        if lowest is None:
            return
        if lowest != box.lowest:
            self.push(lowest, box.highest, box.terms)
            return
        path = self._climb(box)
        if path[-1] in self.corners:
            path.pop()
        if not path:
            return
        node = path[int(len(path) * REACH)]
        self.look(node, box.lowest)
        self._push_beside(box, node)

    def polish(self) -> None:
        """Follow the best result to better neighbours, as long as there are any.

        A long search is rarely finished; then its result profits from what lies nearest: one level
        less in an attribute, or that and one more in another.
        """
        self.polish_at = 2 * self.evaluated
        best = None
        while self.best is not None and self.best is not best:
            best = self.best
            for node in _neighbours(best.node, self.problem.table.top):
                if self.exhausted():
                    return
                if node not in self.polished and not (self.dead >= node).all(axis=1).any():
                    self.polished.add(node)
                    self.evaluate(node)

    def _above_the_dead(self, box: _Box) -> Node | None:
        """The lowest corner of what is left of a box; None when nothing is.

        Where a dead node covers the highest corner in all attributes but one, whatever is left lies
        above it in that one.
        """
        uncovered = self.dead < box.highest
        exceeding = uncovered.sum(axis=1)
        if (exceeding == 0).any():
            return None
        single = exceeding == 1
        lowest = np.array(box.lowest)
        attribute = uncovered[single].argmax(axis=1)
        np.maximum.at(lowest, attribute, self.dead[single, attribute] + 1)
        return tuple(lowest.tolist())

    def _climb(self, box: _Box) -> list[Node]:
        """The nodes from the lowest corner upwards, by cheapest step, while there is hope."""
        node, cost, path = list(box.lowest), box.bound, [box.lowest]

        def step(attribute: int) -> tuple[float, int]:
            term, level = box.terms[attribute], node[attribute]
            return float(term[level + 1] - term[level]), attribute

        steps = [step(i) for i, level in enumerate(node) if level < box.highest[i]]
        heapq.heapify(steps)
        while steps:
            more, attribute = heapq.heappop(steps)
            cost += more
            if cost > self.ceiling:
                break
            node[attribute] += 1
            path.append(tuple(node))
            if node[attribute] < box.highest[attribute]:
                heapq.heappush(steps, step(attribute))
        return path

    def _push_beside(self, box: _Box, node: Node) -> None:
        """Open what is left of a box without the part below a node: disjoint boxes."""
        highest = list(box.highest)
        order = sorted(range(len(node)), key=lambda i: node[i] - box.highest[i])
        for attribute in order:
            if node[attribute] == box.highest[attribute]:
                continue
            lowest = list(box.lowest)
            lowest[attribute] = node[attribute] + 1
            self.push(tuple(lowest), tuple(highest), box.terms)
            highest[attribute] = node[attribute]

    def found(self) -> Found:
        """The best result, and how much better one could still be."""
        if self.best is None or self.best.loss is None:
            names = [str(model) for model in self.problem.models]
            raise NotReachable(names, failing=self.fewest, allowed=self.problem.allowed)
        loss = float(self.best.loss.total)
        optimal = not self.open_boxes()
        bound = loss if optimal else min(loss, self.boxes[0].bound)
        return Found(self.best, Proof(optimal, loss, bound, self.evaluated, self.problem.nodes))


def _neighbours(node: Node, top: Node) -> Iterator[Node]:
    """Nodes with one level less in an attribute, as they are or with one more in another."""
    for less, level in enumerate(node):
        if level == 0:
            continue
        lower = (*node[:less], level - 1, *node[less + 1 :])
        yield lower
        for more, other in enumerate(node):
            if more != less and other < top[more]:
                yield (*lower[:more], other + 1, *lower[more + 1 :])
