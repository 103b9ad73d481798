"""What differs between two sources, or two versions of one: definitions first, distributions next.

Pooling takes for granted that a column means the same everywhere. This module says where it may
not: days counted from another event, findings stated by one source and derived for the other,
values that only one of them uses, elements whose definition is the source's own, populations that
differ. Nothing is corrected; a statistician decides.

Distributions are compared by the Kolmogorov–Smirnov distance of numbers and the total variation
distance of categories; both lie between 0 and 1 and need no assumption on shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from haemony.model.element import Element, ValueType

Floats = npt.NDArray[np.float64]

ENOUGH = 30
"""Fewer values than this on a side are not compared."""

APART = 0.2
"""Distance of two distributions, or difference of two shares, from which on it is said."""

OWN_WORDS = (
    "as the source gives it",
    "by the definition of the source",
    "in the words of the source",
)
"""By these words the catalogue marks an element whose definition is the source's own."""


class Kind(StrEnum):
    """What differs."""

    ORIGIN = "time origin"
    EVIDENCE = "evidence"
    DEFINITION = "definition"
    VALUES = "values"
    COMPLETENESS = "completeness"
    DISTRIBUTION = "distribution"
    SIMULATION = "in silico"


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: What it is called.
        table: One row per person, one column per element.
        origin: What day 0 stands for.
        stated: Elements that its columns state; the others are derived from calls or karyotypes.
        in_silico: Whether its patients are simulated.
    """

    name: str
    table: pl.DataFrame
    origin: str
    stated: frozenset[str]
    in_silico: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing to know before pooling.

    Attributes:
        element: What it is about; empty for everything.
        kind: What differs.
        text: In words a statistician understands; no patient value.
        size: Distance or difference between 0 and 1; 1 for definitions.
    """

    element: str
    kind: Kind
    text: str
    size: float = 1.0


def differences(one: Side, other: Side, elements: Iterable[Element]) -> tuple[Difference, ...]:
    """Compare two sides element by element.

    Args:
        one: The first.
        other: The second.
        elements: What is compared; each a column of both tables.

    Returns:
        Differences of everything first, then those of elements in their order.
    """
    known = [e for e in elements if _known(one, e) and _known(other, e)]
    found = [*_of_everything(one, other, known)]
    for element in known:
        found += _of_element(one, other, element)
    return tuple(found)


def _known(side: Side, element: Element) -> bool:
    column = side.table[element.name]
    return column.null_count() < column.len()


def _of_everything(one: Side, other: Side, known: list[Element]) -> Iterator[Difference]:
    if one.in_silico != other.in_silico:
        simulated = one.name if one.in_silico else other.name
        yield Difference("", Kind.SIMULATION, f"the patients of {simulated} are simulated")
    days = [element.label for element in known if element.type is ValueType.DAY]
    if one.origin != other.origin and days:
        text = (
            f"days count from {one.origin} in {one.name} and from {other.origin} in {other.name}: "
            f"{', '.join(days)}"
        )
        yield Difference("", Kind.ORIGIN, text)
    for stated, derived in ((one, other), (other, one)):
        mine = [e.label for e in known if e.name in stated.stated - derived.stated]
        if mine:
            text = (
                f"stated by {stated.name}, and derived from calls or karyotypes in "
                f"{derived.name}: {', '.join(mine)}"
            )
            yield Difference("", Kind.EVIDENCE, text)


def _of_element(one: Side, other: Side, element: Element) -> Iterator[Difference]:
    if any(words in element.definition for words in OWN_WORDS):
        text = f"{element.label}: {element.definition} The two may have used different ones."
        yield Difference(element.name, Kind.DEFINITION, text)
    yield from _of_values(one, other, element)


def _of_values(one: Side, other: Side, element: Element) -> Iterator[Difference]:
    mine, theirs = one.table[element.name], other.table[element.name]
    shares = [1 - column.null_count() / max(column.len(), 1) for column in (mine, theirs)]
    if abs(shares[0] - shares[1]) >= APART:
        text = (
            f"{element.label} is known for {shares[0]:.0%} in {one.name} and for "
            f"{shares[1]:.0%} in {other.name}"
        )
        yield Difference(element.name, Kind.COMPLETENESS, text, abs(shares[0] - shares[1]))
    mine, theirs = mine.drop_nulls(), theirs.drop_nulls()
    if min(mine.len(), theirs.len()) < ENOUGH:
        return
    if element.codes:
        yield from _of_codes(one, other, element, mine, theirs)
    elif element.type.is_numeric:
        numbers = [column.cast(pl.Float64).to_numpy() for column in (mine, theirs)]
        apart = kolmogorov_smirnov(*numbers)
        if apart >= APART:
            middle = [float(np.median(side)) for side in numbers]
            text = (
                f"{element.label}: half of the patients lie below {middle[0]:.3g} in {one.name} "
                f"and below {middle[1]:.3g} in {other.name}"
            )
            yield Difference(element.name, Kind.DISTRIBUTION, text, apart)


def _of_codes(
    one: Side, other: Side, element: Element, mine: pl.Series, theirs: pl.Series
) -> Iterator[Difference]:
    counts = [_shares(column) for column in (mine, theirs)]
    for side, used, unused in ((one, counts[0], counts[1]), (other, counts[1], counts[0])):
        only = [code for code in element.codes if used.get(code) and not unused.get(code)]
        if only:
            text = f"{element.label}: only {side.name} uses {', '.join(only)}"
            yield Difference(element.name, Kind.VALUES, text)
    codes = {*counts[0], *counts[1]}
    apart = sum(abs(counts[0].get(c, 0.0) - counts[1].get(c, 0.0)) for c in codes) / 2
    if apart >= APART:
        most = max(codes, key=lambda c: (abs(counts[0].get(c, 0.0) - counts[1].get(c, 0.0)), c))
        text = (
            f"{element.label}: {most} in {counts[0].get(most, 0.0):.0%} of {one.name} and in "
            f"{counts[1].get(most, 0.0):.0%} of {other.name}"
        )
        yield Difference(element.name, Kind.DISTRIBUTION, text, apart)


def _shares(column: pl.Series) -> dict[str, float]:
    counted = column.cast(pl.String).value_counts().iter_rows()
    return {code: people / column.len() for code, people in counted}


def kolmogorov_smirnov(one: Floats, other: Floats) -> float:
    """The largest distance of two empirical distributions.

    Example:
        >>> kolmogorov_smirnov(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0]))
        0.6666666666666666
    """
    every = np.concatenate([one, other])
    below = [
        np.searchsorted(np.sort(side), every, side="right") / len(side) for side in (one, other)
    ]
    return float(np.abs(below[0] - below[1]).max())
