"""Profiles that anyone may see: what a release holds of each variable, and of nobody in particular.

Before researchers apply they must know whether a variable is there, for how many, in which range.
A profile says so in figures of which none is about fewer people than a threshold: counts are told
to a multiple of a base, small cells and the cell that would give them away are not told, quantiles
are means over neighbours, and the smallest and largest values are never told. Thresholds, rounding
and secondary suppression are those of Hundepool et al., *Statistical Disclosure Control* (Wiley
2012), chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from haemony.model.element import Element, ValueType
from haemony.model.errors import UsageError

Floats = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 12
"""Bars between the outer quantiles; those of too few people are joined with a neighbour."""
DIGITS = 3


class BadGuard(UsageError):
    """A threshold or a base that protects nobody."""

    def __init__(self, threshold: int, base: int) -> None:
        super().__init__(
            f"a threshold of {threshold} with counts to the nearest {base} protects nobody; the "
            "base is at least 1 and the threshold at least twice the base"
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """How exactly counts are told.

    Attributes:
        threshold: Fewer people than this are not counted in public.
        base: Counts are told as the nearest multiple of it.
    """

    threshold: int = 10
    base: int = 5

    def __post_init__(self) -> None:
        if self.base < 1 or self.threshold < 2 * self.base:
            raise BadGuard(self.threshold, self.base)

    def count(self, people: int) -> int | None:
        """A count as it may be told; nothing for one that may not.

        Example:
            >>> [Guard().count(people) for people in (0, 3, 12, 1_543)]
            [0, None, 10, 1545]
        """
        if 0 < people < self.threshold:
            return None
        return self.base * int(people / self.base + 0.5)

    def cells(self, counts: Mapping[str, int]) -> dict[str, int | None]:
        """Counts of cells that add up to a known total.

        A single cell that is not told would follow from the others, so that the smallest of these
        is not told either.

        Example:
            >>> Guard().cells({"male": 60, "female": 41, "other": 3})
            {'male': 60, 'female': None, 'other': None}
        """
        told = {name: self.count(people) for name, people in counts.items()}
        hidden = [name for name, people in told.items() if people is None]
        others = [name for name, people in told.items() if people]
        if len(hidden) == 1 and others:
            told[min(others, key=lambda name: (counts[name], name))] = None
        return told


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a distribution: from ``low`` to below ``high``; open where an end is None."""

    low: float | None
    high: float | None
    people: int


@dataclass(frozen=True)
class Profile:
    """What a release holds of one variable.

    Attributes:
        name: The element.
        label: What charts show.
        unit: UCUM unit of numbers.
        type: Kind of value.
        people: Persons of the release, as told.
        known: Persons with a value, as told; None for too few.
        known_by: The same for each contribution.
        quantiles: Of numbers, by share; each the mean of at least as many values as the threshold.
        bars: Of numbers, the distribution.
        values: Of categories and findings, persons by value; None where they are not told.
    """

    name: str
    label: str
    unit: str
    type: str
    people: int
    known: int | None
    known_by: Mapping[str, int | None]
    quantiles: Mapping[float, float]
    bars: tuple[Bar, ...]
    values: Mapping[str, int | None]

    @property
    def completeness(self) -> float | None:
        """Share of persons with a value, to two digits; None where too few have one."""
        if self.known is None or not self.people:
            return None
        return min(1.0, round(self.known / self.people, 2))

    def plain(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "type": self.type,
            "people": self.people,
            "known": self.known,
            "completeness": self.completeness,
            "known by contribution": dict(self.known_by),
            "quantiles": {f"{share:g}": number for share, number in self.quantiles.items()},
            "distribution": [[bar.low, bar.high, bar.people] for bar in self.bars],
            "values": dict(self.values),
        }


def profile(
    frame: pl.DataFrame, elements: Iterable[Element], owners: pl.Series, guard: Guard | None = None
) -> tuple[Profile, ...]:
    """Profile the variables of a table.

    Args:
        frame: One row per person, one column per element, as
            :meth:`~haemony.lake.release.Release.features` gives it.
        elements: The columns to profile. Texts are counted, never listed.
        owners: (n,) the contribution each person came with.
        guard: How exactly counts are told.

    Returns:
        A profile for each element of which anything is known, in their order.

    Example:
        >>> from haemony.model.disease import disease
        >>> table = pl.DataFrame({"wbc": [float(i) for i in range(200)]})
        >>> owners = pl.Series(["one"] * 200)
        >>> (wbc,) = profile(table, [disease("aml").catalogue["wbc"]], owners)
        >>> wbc.known, wbc.quantiles[0.5]
        (200, 99.5)
    """
    told = guard or Guard()
    known = ((element, frame[element.name]) for element in elements)
    return tuple(
        _profile(element, column, owners, told)
        for element, column in known
        if column.null_count() < column.len()
    )


def _profile(element: Element, column: pl.Series, owners: pl.Series, guard: Guard) -> Profile:
    values = column.drop_nulls()
    by = owners.filter(column.is_not_null()).value_counts().iter_rows()
    counted = dict.fromkeys(owners.unique().sort().to_list(), 0) | dict(by)
    numbers = values.cast(pl.Float64).sort().to_numpy() if element.type.is_numeric else None
    return Profile(
        element.name,
        element.label,
        element.unit,
        element.type.value,
        guard.count(column.len()) or 0,
        guard.count(values.len()),
        guard.cells(counted),
        {} if numbers is None else quantiles(numbers, guard.threshold),
        () if numbers is None else bars(numbers, guard),
        _values(element, values, guard),
    )


def _values(element: Element, values: pl.Series, guard: Guard) -> dict[str, int | None]:
    """Persons by permitted value; a text may be anything, so that none is listed."""
    if element.type not in {ValueType.CATEGORY, ValueType.FINDING}:
        return {}
    counted = dict(values.cast(pl.String).value_counts().iter_rows())
    return guard.cells({code: counted.get(code, 0) for code in element.codes})


def quantiles(numbers: Floats, neighbours: int) -> dict[float, float]:
    """Quantiles as means over the nearest values, where as many lie beyond on both sides.

    Args:
        numbers: (n,) ascending.
        neighbours: Values that each quantile is a mean of, and that lie beyond it.

    Example:
        >>> quantiles(np.arange(100.0), 10)
        {0.25: 24.5, 0.5: 49.5, 0.75: 74.5}
    """
    found = {}
    for share in QUANTILES:
        middle = share * len(numbers)
        first = round(middle - neighbours / 2)
        if first >= neighbours and first + 2 * neighbours <= len(numbers):
            mean = float(numbers[first : first + neighbours].mean())
            found[share] = significant(mean)
    return found


def significant(number: float) -> float:
    """A number to three significant digits."""
    return float(f"{number:.{DIGITS}g}")


def bars(numbers: Floats, guard: Guard) -> tuple[Bar, ...]:
    """The distribution between the outer quantiles that may be told, and the open ends beyond.

    Args:
        numbers: (n,) ascending.
        guard: Bars of fewer people are joined with their neighbour.
    """
    told = list(quantiles(numbers, guard.threshold).values())
    if len(told) < 2 or told[0] == told[-1]:
        return ()
    edges = np.unique([significant(edge) for edge in np.linspace(told[0], told[-1], BINS + 1)])
    cuts = np.searchsorted(numbers, edges, side="left")
    joined = _joined(cuts.tolist(), len(numbers), guard.threshold)
    ends = [None, *(float(edges[i]) for i in joined), None]
    counts = np.diff([0, *(int(cuts[i]) for i in joined), len(numbers)])
    pairs = zip(ends[:-1], ends[1:], counts, strict=True)
    return tuple(Bar(low, high, guard.count(int(people)) or 0) for low, high, people in pairs)


def _joined(cuts: list[int], people: int, threshold: int) -> list[int]:
    """The edges that leave at least so many people in every bar."""
    kept, last = [], 0
    for index, cut in enumerate(cuts):
        if cut - last >= threshold and people - cut >= threshold:
            kept.append(index)
            last = cut
    return kept
