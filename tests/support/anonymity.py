"""Anonymity judged in plain Python, by nothing that the engine uses: slow, short, independent."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product

import polars as pl

from haemony.privacy.anonymity import (
    AverageRisk,
    DeltaPresence,
    DistinctLDiversity,
    EntropyLDiversity,
    Equal,
    Ground,
    Hierarchical,
    Hierarchy,
    KAnonymity,
    KMap,
    Model,
    Ordered,
    RecursiveCLDiversity,
    StrictAverageRisk,
    TCloseness,
)

Row = tuple[str, ...]


def loss_of(frame: pl.DataFrame, hierarchies: Mapping[str, Hierarchy]) -> float:
    """The loss of a recoded frame, from the text of its cells alone."""
    losses: list[Fraction] = []
    for name, hierarchy in hierarchies.items():
        under: dict[str, set[str]] = defaultdict(set)
        for row in hierarchy.rows:
            for label in row:
                under[label].add(row[0])
        under["*"] = {row[0] for row in hierarchy.rows}
        size = len(hierarchy.rows)
        shares: list[Fraction] = [Fraction(len(under[cell or ""]), size) for cell in frame[name]]
        mean = sum(shares, Fraction(0)) / len(shares)
        losses.append(
            (mean - Fraction(1, size)) / (1 - Fraction(1, size)) if size > 1 else Fraction(0)
        )
    return float(sum(losses, Fraction(0)) / len(losses))


def covers(
    recoded: pl.DataFrame, original: pl.DataFrame, hierarchies: Mapping[str, Hierarchy]
) -> bool:
    """Whether every cell of a recoded frame is a node of its hierarchy above the original value."""
    for name, hierarchy in hierarchies.items():
        above = {row[0]: {*row, "*"} for row in hierarchy.rows}
        for cell, value in zip(recoded[name], original[name].cast(pl.String), strict=True):
            if (cell or "") not in above[value or ""]:
                return False
    return True


def satisfied(
    recoded: pl.DataFrame,
    original: pl.DataFrame,
    columns: Iterable[str],
    models: Sequence[Model],
    kept: Sequence[bool] | None = None,
) -> bool:
    """Whether each class of equal rows that was kept passes every model."""
    groups: dict[Row, list[int]] = defaultdict(list)
    for position, row in enumerate(recoded.select(list(columns)).iter_rows()):
        if kept is None or kept[position]:
            groups[row].append(position)
    return all(
        _passes(model, members, 0, original) for members in groups.values() for model in models
    )


@dataclass(frozen=True)
class Exhaustive:
    """The best of a lattice by looking at every node.

    Attributes:
        loss: Least loss; None where no node satisfies the models.
        suppressed: Fewest rows suppressed at that loss.
    """

    loss: Fraction | None
    suppressed: int


def exhaustive(
    frame: pl.DataFrame,
    hierarchies: Mapping[str, Hierarchy],
    models: Sequence[Model],
    limit: float,
    population: pl.DataFrame | None = None,
) -> Exhaustive:
    """Look at every node of the lattice."""
    allowed = math.floor(Fraction(Decimal(str(limit))) * frame.height)
    everyone = population if population is not None else frame.clear()
    best: tuple[Fraction, int] | None = None
    for node in product(*(range(h.height) for h in hierarchies.values())):
        rows = list(_generalised(frame, hierarchies, node))
        matches = Counter(_generalised(everyone, hierarchies, node))
        groups: dict[Row, list[int]] = defaultdict(list)
        for position, row in enumerate(rows):
            groups[row].append(position)
        for row in matches:
            groups.setdefault(row, [])
        out = _failing(groups, matches, frame, models)
        if out is None or sum(len(groups[row]) for row in out) > allowed:
            continue
        lost = _loss(rows, out, hierarchies, node)
        found = (lost, sum(len(groups[row]) for row in out))
        best = min(best, found) if best else found
    return Exhaustive(best[0], best[1]) if best else Exhaustive(None, 0)


def _generalised(
    frame: pl.DataFrame, hierarchies: Mapping[str, Hierarchy], node: Sequence[int]
) -> Iterator[Row]:
    maps = [
        {row[0]: row[level] for row in h.rows}
        for h, level in zip(hierarchies.values(), node, strict=True)
    ]
    for row in frame.select(list(hierarchies)).iter_rows():
        yield tuple(m["" if cell is None else str(cell)] for m, cell in zip(maps, row, strict=True))


def _loss(
    rows: Sequence[Row],
    out: set[Row],
    hierarchies: Mapping[str, Hierarchy],
    node: Sequence[int],
) -> Fraction:
    total: Fraction = Fraction(0)
    for q, (hierarchy, level) in enumerate(zip(hierarchies.values(), node, strict=True)):
        size = len(hierarchy.rows)
        if size == 1:
            continue
        under = Counter(row[level] for row in hierarchy.rows)
        shares = [Fraction(size if row in out else under[row[q]], size) for row in rows]
        total += (sum(shares, Fraction(0)) / len(shares) - Fraction(1, size)) / (
            1 - Fraction(1, size)
        )
    return total / len(hierarchies)


def _failing(
    groups: Mapping[Row, list[int]],
    matches: Mapping[Row, int],
    frame: pl.DataFrame,
    models: Sequence[Model],
) -> set[Row] | None:
    """The classes that fail; None where one fails that no suppression can mend."""
    out: set[Row] = set()
    averages = [m for m in models if isinstance(m, AverageRisk | StrictAverageRisk)]
    for row, members in groups.items():
        for model in models:
            if not _passes(model, members, matches.get(row, 0), frame):
                if not members:
                    return None
                out.add(row)
    for average in averages:
        kept = {row: len(members) for row, members in groups.items() if members and row not in out}
        for least in sorted({0, *kept.values(), max(kept.values(), default=0) + 1}):
            left = [size for size in kept.values() if size >= least]
            if len(left) <= average.threshold * sum(left) + 1e-9:
                out |= {row for row, size in kept.items() if size < least}
                break
    return out


def _passes(model: Model, members: list[int], matches: int, frame: pl.DataFrame) -> bool:
    """Whether one class satisfies a model."""
    if isinstance(model, DeltaPresence):
        low, high = model.lowest * matches - 1e-9, model.highest * matches + 1e-9
        return low <= len(members) <= high
    if not members or isinstance(model, AverageRisk):
        return True
    if isinstance(model, KAnonymity):
        return len(members) >= model.k
    if isinstance(model, KMap):
        return matches >= model.k
    if isinstance(model, StrictAverageRisk):
        return 1 / len(members) <= model.maximum
    return _diverse(model, members, frame)


def _diverse(model: Model, members: list[int], frame: pl.DataFrame) -> bool:
    """Whether the sensitive values of one class satisfy a model."""
    (column,) = model.columns
    values = Counter(frame[column].gather(members).cast(pl.String).to_list())
    if isinstance(model, DistinctLDiversity):
        return len(values) >= model.l
    if isinstance(model, EntropyLDiversity):
        shares = [count / len(members) for count in values.values()]
        return -sum(p * math.log(p) for p in shares) >= math.log(model.l) - 1e-9
    if isinstance(model, RecursiveCLDiversity):
        counts = sorted(values.values(), reverse=True)
        return counts[0] < model.c * sum(counts[model.l - 1 :])
    assert isinstance(model, TCloseness)
    whole = Counter(frame[column].cast(pl.String).to_list())
    excess = {v: values[v] / len(members) - n / frame.height for v, n in whole.items()}
    return _distance(model.ground, excess) <= model.t + 1e-9


def _distance(ground: Ground, excess: Mapping[str, float]) -> float:
    """Earth mover's distances by their definition: the mass each unit of the ground must carry."""
    if isinstance(ground, Equal):
        return sum(abs(e) for e in excess.values()) / 2
    if isinstance(ground, Ordered):
        ranked = ground.order or tuple(sorted(excess, key=float))
        running = [sum(excess.get(v, 0) for v in ranked[: i + 1]) for i in range(len(ranked))]
        return sum(map(abs, running)) / max(len(ranked) - 1, 1)
    assert isinstance(ground, Hierarchical)
    rows, top = ground.hierarchy.rows, ground.hierarchy.height - 1
    cost = 0.0
    for level in range(1, top + 1):
        for node in {row[level] for row in rows}:
            children = {row[level - 1] for row in rows if row[level] == node}
            masses = [
                sum(excess.get(row[0], 0) for row in rows if row[level - 1] == child)
                for child in children
            ]
            up, down = sum(m for m in masses if m > 0), -sum(m for m in masses if m < 0)
            cost += min(up, down) * level / top
    return cost
