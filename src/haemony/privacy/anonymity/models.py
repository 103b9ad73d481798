"""Privacy models: what every class of equal rows must satisfy before a table may leave.

A model looks at the classes of one generalisation and names those that fail. It also says what a
search may conclude from that. All models here are *monotone* while nothing is suppressed: if every
class passes, every class of every more general table passes. Once rows may be suppressed only some
stay so: then rows in a failing class fail in every more specific table too, and a search may prune
by them. ``doomed`` names the classes of which this is certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

import numpy as np

from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.anonymity.hierarchy import Counts, Hierarchy
from haemony.privacy.anonymity.table import Bools, Classes, Floats, Table

ROUNDING = 1e-12
"""Entropies and distances are sums of floats; a bound met exactly must not fail by their noise."""


class Monotone(Enum):
    """When a more general table satisfies whatever a more specific one satisfies."""

    ALWAYS = "always"
    WITHOUT_SUPPRESSION = "without suppression"


class Model(Protocol):
    """What a table must satisfy."""

    @property
    def monotone(self) -> Monotone:
        """When generalising a table that satisfies the model keeps it satisfied."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it looks at beside the quasi-identifiers."""

    @property
    def needs_population(self) -> bool:
        """Whether it looks at a population."""

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Which classes (count,) fail, of those it is asked about.

        A class may hold rows of the population alone; if it fails, nothing can be suppressed to
        mend that, and the whole table fails.
        """

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """Which of them hold only rows that fail in every more specific table too."""


@dataclass(frozen=True)
class KAnonymity:
    """Every class has at least k rows (Sweeney 2002, doi:10.1142/S0218488502001648).

    Example:
        >>> KAnonymity(12)
        KAnonymity(k=12)
    """

    k: int

    monotone: ClassVar[Monotone] = Monotone.ALWAYS
    columns: ClassVar[tuple[str, ...]] = ()
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _at_least("k", self.k, 1)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes with fewer than k rows."""
        return among & (classes.sizes > 0) & (classes.sizes < self.k)

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """All that fail: a part of a small class is smaller still."""
        return self.failing(classes, among)


@dataclass(frozen=True)
class KMap:
    """Every class matches at least k rows of the population.

    Source: El Emam, Dankar 2008, doi:10.1197/jamia.M2716.

    Attributes:
        k: Least number of matching rows of the population, which includes the table's own rows.
    """

    k: int

    monotone: ClassVar[Monotone] = Monotone.ALWAYS
    columns: ClassVar[tuple[str, ...]] = ()
    needs_population: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _at_least("k", self.k, 1)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes that hold a row of the table and match fewer than k of the population."""
        return among & (classes.sizes > 0) & (classes.population < self.k)

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """All that fail: a part of a class matches no more rows than the whole."""
        return self.failing(classes, among)


@dataclass(frozen=True)
class DistinctLDiversity:
    """Every class has at least l distinct values of a sensitive column.

    Source: Machanavajjhala et al. 2007, doi:10.1145/1217299.1217302.
    """

    column: str
    l: int  # noqa: E741 the model's own name

    monotone: ClassVar[Monotone] = Monotone.ALWAYS
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _at_least("l", self.l, 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive column."""
        return (self.column,)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes with fewer than l distinct values."""
        chosen, rows = classes.histogram(self.column, among)
        return _marked(classes, chosen[(rows > 0).sum(axis=1) < self.l])

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """All that fail: a part of a class has no value that the whole lacks."""
        return self.failing(classes, among)


@dataclass(frozen=True)
class EntropyLDiversity:
    """The entropy of a sensitive column is at least log l in every class.

    Source: Machanavajjhala et al. 2007, doi:10.1145/1217299.1217302.
    """

    column: str
    l: float  # noqa: E741 the model's own name

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _at_least("l", self.l, 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive column."""
        return (self.column,)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes whose entropy is below log l."""
        chosen, rows = classes.histogram(self.column, among)
        share = _shares(rows)
        logs = np.log(share, out=np.zeros_like(share), where=share > 0)
        entropy = -(share * logs).sum(axis=1)
        return _marked(classes, chosen[entropy < math.log(self.l) - ROUNDING])

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """Those with fewer than l distinct values: entropy can never reach log l again."""
        return DistinctLDiversity(self.column, math.ceil(self.l)).failing(classes, among)


@dataclass(frozen=True)
class RecursiveCLDiversity:
    """The commonest value comes less than c times as often as the l-th and rarer ones together.

    Source: Machanavajjhala et al. 2007, doi:10.1145/1217299.1217302.
    """

    column: str
    c: float
    l: int  # noqa: E741 the model's own name

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _at_least("l", self.l, 1)
        if not self.c > 0:
            raise BadModel(f"c is {self.c}", remedy="choose c above 0")

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive column."""
        return (self.column,)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes in which the commonest value is too common."""
        chosen, rows = classes.histogram(self.column, among)
        ordered = -np.sort(-rows, axis=1)
        rarer = ordered[:, self.l - 1 :].sum(axis=1)
        return _marked(classes, chosen[ordered[:, 0] >= self.c * rarer])

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """Those with fewer than l distinct values: the rarer ones add up to nothing."""
        return DistinctLDiversity(self.column, self.l).failing(classes, among)


class Ground(Protocol):
    """How far apart the values of a sensitive column lie, between 0 and 1."""

    def distances(self, excess: Floats, values: Sequence[str]) -> Floats:
        """Earth mover's distances (c,) of distributions that differ by ``excess`` (c, v)."""


@dataclass(frozen=True)
class Equal:
    """All values lie equally far apart."""

    def distances(self, excess: Floats, values: Sequence[str]) -> Floats:  # noqa: ARG002
        """Half the summed differences."""
        return np.asarray(np.abs(excess).sum(axis=1) / 2)


@dataclass(frozen=True)
class Ordered:
    """Values lie as far apart as their ranks.

    Attributes:
        order: All values from low to high; empty for numbers in their natural order.
    """

    order: tuple[str, ...] = ()

    def distances(self, excess: Floats, values: Sequence[str]) -> Floats:
        """Mean absolute cumulated difference over the steps between neighbours."""
        ranked = self._ranked(values)
        place = {value: rank for rank, value in enumerate(ranked)}
        spread = np.zeros((len(excess), len(ranked)))
        spread[:, [place[value] for value in values]] = excess
        return np.asarray(np.abs(np.cumsum(spread, axis=1)).sum(axis=1) / max(len(ranked) - 1, 1))

    def _ranked(self, values: Sequence[str]) -> tuple[str, ...]:
        if self.order:
            _all_known(values, self.order, "the order")
            return self.order
        try:
            return tuple(sorted(values, key=float))
        except ValueError:
            raise BadModel(
                "a column that is not all numbers has no natural order",
                remedy="name its values from low to high: Ordered(order=(...))",
            ) from None


@dataclass(frozen=True)
class Hierarchical:
    """Values lie as far apart as the level at which a hierarchy joins them, over its height."""

    hierarchy: Hierarchy

    def distances(self, excess: Floats, values: Sequence[str]) -> Floats:
        """Masses that must cross each node of the hierarchy, at the height of that node."""
        _all_known(values, self.hierarchy.leaves, "the hierarchy")
        spread = np.zeros((len(excess), self.hierarchy.size))
        place = {leaf: position for position, leaf in enumerate(self.hierarchy.leaves)}
        spread[:, [place[value] for value in values]] = excess
        steps = self.hierarchy.height - 1
        moved = np.zeros(len(excess))
        for level in range(1, self.hierarchy.height):
            below, above = self.hierarchy.groups[level - 1], self.hierarchy.groups[level]
            first = np.unique(below, return_index=True)[1]
            children = spread @ np.eye(len(first))[below]
            parents = np.eye(int(above.max()) + 1)[above[first]]
            surplus, lack = np.maximum(children, 0) @ parents, np.maximum(-children, 0) @ parents
            moved += np.minimum(surplus, lack).sum(axis=1) * level / max(steps, 1)
        return moved


@dataclass(frozen=True)
class TCloseness:
    """In every class a sensitive column is distributed as in the whole table, but for t.

    The distance is the earth mover's, over the ground distance given (Li et al. 2007,
    doi:10.1109/ICDE.2007.367856).
    """

    column: str
    t: float
    ground: Ground = Equal()

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _share("t", self.t)

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive column."""
        return (self.column,)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes further than t from the whole table."""
        chosen, rows = classes.histogram(self.column, among)
        sensitive = classes.table.sensitive[self.column]
        whole = sensitive.totals / sensitive.totals.sum()
        distances = self.ground.distances(_shares(rows) - whole, sensitive.values)
        return _marked(classes, chosen[distances > self.t + ROUNDING])

    def doomed(self, classes: Classes, among: Bools) -> Bools:  # noqa: ARG002
        """None: a part of a class may lie closer to the whole table."""
        return np.zeros(classes.count, dtype=np.bool_)


@dataclass(frozen=True)
class DeltaPresence:
    """Whoever is in the population is in the table with a chance between two bounds.

    Source: Nergiz, Atzori, Clifton 2007, doi:10.1145/1247480.1247554. The population includes the
    table's own rows; the chance is the class's rows over the population's.
    """

    lowest: float
    highest: float

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    columns: ClassVar[tuple[str, ...]] = ()
    needs_population: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _share("lowest", self.lowest)
        _share("highest", self.highest)
        if self.lowest > self.highest:
            raise BadModel("lowest lies above highest", remedy="swap them")

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes whose chance lies outside the bounds."""
        rows, everyone = classes.sizes, classes.population
        low = rows < self.lowest * everyone * (1 - ROUNDING)
        high = rows > self.highest * everyone * (1 + ROUNDING)
        return among & (low | high)

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """Classes without a row of the table: no part of them has one, so the chance is 0."""
        return self.failing(classes, among & (classes.sizes == 0))


@dataclass(frozen=True)
class AverageRisk:
    """The mean prosecutor risk, classes over rows, stays within a threshold.

    Where it does not, the smallest classes fail first, all of one size together, until it does
    (El Emam 2013, *Guide to the De-Identification of Personal Health Information*).
    """

    threshold: float

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    columns: ClassVar[tuple[str, ...]] = ()
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _risk("threshold", self.threshold)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """The smallest classes, up to the least size from which on the mean holds."""
        held = among & (classes.sizes > 0)
        sizes, number = np.unique(classes.sizes[held], return_counts=True)
        kept_classes = np.cumsum(number[::-1])[::-1]
        kept_rows = np.cumsum((number * sizes)[::-1])[::-1]
        holds = np.flatnonzero(kept_classes <= self.threshold * kept_rows * (1 + ROUNDING))
        least = sizes[holds[0]] if len(holds) else np.inf
        return np.asarray(held & (classes.sizes < least))

    def doomed(self, classes: Classes, among: Bools) -> Bools:  # noqa: ARG002
        """None: which classes fail depends on all the others."""
        return np.zeros(classes.count, dtype=np.bool_)


@dataclass(frozen=True)
class StrictAverageRisk:
    """The mean prosecutor risk stays within a threshold and no single one above a maximum.

    Attributes:
        threshold: Of the mean.
        maximum: Of the largest; 1/2 forbids unique rows, 1/3 pairs too.
    """

    threshold: float
    maximum: float = 0.5

    monotone: ClassVar[Monotone] = Monotone.WITHOUT_SUPPRESSION
    columns: ClassVar[tuple[str, ...]] = ()
    needs_population: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _risk("threshold", self.threshold)
        _risk("maximum", self.maximum)

    def failing(self, classes: Classes, among: Bools) -> Bools:
        """Classes that are too small, then the smallest of the rest until the mean holds."""
        small = self.doomed(classes, among)
        return small | AverageRisk(self.threshold).failing(classes, among & ~small)

    def doomed(self, classes: Classes, among: Bools) -> Bools:
        """Classes whose own risk exceeds the maximum."""
        small = classes.sizes < 1 / self.maximum * (1 - ROUNDING)
        return among & (classes.sizes > 0) & small


AVERAGES = (AverageRisk, StrictAverageRisk)
"""Models that judge all classes together, so they are asked last."""


def failing(models: Sequence[Model], classes: Classes) -> Bools:
    """Which classes (count,) fail any of the models; each sees what the ones before let pass."""
    failed = np.zeros(classes.count, dtype=np.bool_)
    for model in sorted(models, key=lambda model: isinstance(model, AVERAGES)):
        failed |= model.failing(classes, ~failed)
    return failed


def doomed(models: Sequence[Model], classes: Classes) -> Bools:
    """Which classes (count,) hold only rows that fail in every more specific table."""
    failed = np.zeros(classes.count, dtype=np.bool_)
    for model in models:
        failed |= model.doomed(classes, ~failed)
    return failed


def check_models(models: Sequence[Model], table: Table) -> None:
    """Refuse models that need what the table does not have."""
    if not models:
        raise BadModel("no privacy model is given", remedy="give one, such as KAnonymity(12)")
    if any(model.needs_population for model in models) and not table.population.any():
        raise BadModel(
            "a model looks at a population and none is given",
            remedy="give the population as a frame with the same quasi-identifiers",
        )


def _at_least(name: str, value: float, least: int) -> None:
    if not value >= least:
        raise BadModel(f"{name} is {value}", remedy=f"choose {name} of at least {least}")


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise BadModel(f"{name} is {value}", remedy=f"choose {name} between 0 and 1")


def _risk(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise BadModel(f"{name} is {value}", remedy=f"choose {name} above 0 and up to 1")


def _marked(classes: Classes, chosen: Counts) -> Bools:
    marks = np.zeros(classes.count, dtype=np.bool_)
    marks[chosen] = True
    return marks


def _shares(rows: Counts) -> Floats:
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))


def _all_known(values: Sequence[str], known: Sequence[str], where: str) -> None:
    strange = set(values) - set(known)
    if strange:
        raise BadModel(
            f"{len(strange)} value{'s' * (len(strange) > 1)} of the sensitive column "
            f"stand{'s' * (len(strange) == 1)} not in {where}",
            remedy="list every value the column holds",
        )
