"""What an attack is rehearsed on: a released table, the people in it, and people who are not.

To rehearse the attacks on a release, people are split at random, one half goes through everything
that a release goes through, and the other half is the control.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from haemony.privacy.anonymity.table import check_columns
from haemony.privacy.attacks.columns import Column, Floats, Positions, Reading
from haemony.privacy.attacks.faults import BadAttack

BLOCK = 4_000_000
"""Pairs of people and released rows that are compared at a time: 32 MB a table of distances."""

TIE = 1e-9
"""Distances closer than this are equal; they are sums of a few shares."""


@dataclass(frozen=True)
class Rehearsal:
    """A released table, and the true rows of those who are in it and of those who are not.

    Attributes:
        released: The table that an attacker has.
        members: True rows of the people whose data were released, in any order.
        control: True rows of people of the same population whose data were not.
        columns: The columns an attacker may use, and how their released cells are read.

    Raises:
        NoSuchColumn: When a frame lacks a column.
        BadAttack: When no column is described or a frame is empty.
    """

    released: pl.DataFrame = field(repr=False)
    members: pl.DataFrame = field(repr=False)
    control: pl.DataFrame = field(repr=False)
    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadAttack("no column is described", remedy="say how at least one is to be read")
        for what in ("released", "members", "control"):
            frame: pl.DataFrame = getattr(self, what)
            check_columns(frame, list(self.columns))
            if frame.is_empty():
                raise BadAttack(f"the table {what!r} is empty", remedy="give it at least one row")
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    @cached_property
    def readings(self) -> Mapping[str, Reading[Any]]:
        """The released cells of each column, read."""
        return {name: column.read(self.released[name]) for name, column in self.columns.items()}

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that are not described, and none at all."""
        missing = [name for name in names if name not in self.columns]
        if missing or not names:
            raise BadAttack(
                f"the rehearsal describes no column {', '.join(map(repr, missing))}"
                if missing
                else "no column is named",
                remedy=f"choose among {', '.join(self.columns)}",
            )

    def truth(self, people: pl.DataFrame, names: Sequence[str]) -> list[Floats]:
        """People's true values, encoded, column by column."""
        return [self.readings[name].truth(people[name]) for name in names]

    def distances(
        self, people: pl.DataFrame, names: Sequence[str]
    ) -> Iterator[tuple[slice, Floats]]:
        """Blocks of people, and how far they are from each released row: (people, released).

        The distance is Gower's (1971, doi:10.2307/2528823): the mean over the columns.
        """
        truth = self.truth(people, names)
        step = max(BLOCK // self.released.height, 1)
        for start in range(0, people.height, step):
            block = slice(start, min(start + step, people.height))
            total = sum(
                self.readings[name].distances(values[block])
                for name, values in zip(names, truth, strict=True)
            )
            yield block, np.asarray(total) / len(names)

    def nearest(
        self, people: pl.DataFrame, names: Sequence[str], count: int, rng: np.random.Generator
    ) -> Positions:
        """The released rows (people, count) nearest to each person; ties in random order."""
        count = min(count, self.released.height)
        found = np.empty((people.height, count), dtype=np.int64)
        for block, distances in self.distances(people, names):
            steps = np.round(distances / TIE)
            ordered = steps + 0.5 * rng.random(steps.shape)
            found[block] = np.argpartition(ordered, count - 1, axis=1)[:, :count]
        return found


def halves(people: pl.DataFrame, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split people at random into members, to be released, and as many or one more as control.

    Example:
        >>> members, control = halves(pl.DataFrame({"person": range(5)}))
        >>> members.height, control.height
        (2, 3)
    """
    order = generator(seed, "halves").permutation(people.height)
    middle = people.height // 2
    return people[np.sort(order[:middle])], people[np.sort(order[middle:])]


def drawn(people: pl.DataFrame, attempts: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw as many people as attempts, none twice; all where there are no more.

    Raises:
        BadAttack: When no attempt is asked for.
    """
    if attempts < 1:
        raise BadAttack(f"{attempts} attempts are asked for", remedy="ask for at least one")
    if attempts >= people.height:
        return people
    return people[np.sort(rng.choice(people.height, attempts, replace=False))]


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Random numbers for one purpose, the same for the same seed."""
    words = [byte for word in purpose for byte in (*word.encode(), 0)]
    return np.random.default_rng([seed, *words])
