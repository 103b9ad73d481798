"""Blurred numbers: each is multiplied by chance, so that who finds a record does not find a number.

Whoever knows what the records of a class share picks a person's own among k once in k times, and an
exact number with it. Multiplicative noise is a known remedy (Evans, Zayatz, Slanta 1998, Journal of
Official Statistics 14; Kim, Winkler 2003, U.S. Census Bureau, Statistical Research Division, report
2003-01). The factor here is log-normal with median 1.

Who gets several cuts must not average the noise away. So a factor belongs to a person and not to a
cut: it is drawn from a key. And it is a walk in steps of the standard deviation, so that a number
blurred more is the number blurred less, blurred once more: it tells nothing that the other does not
(Li, Chen, Li, Zhang 2011, arXiv:1104.0459, correlate the noise of several copies to this end).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from haemony.model.errors import UsageError
from haemony.privacy.attacks.rehearsal import generator
from haemony.privacy.policy import BLUR_STEP, Coarsening

Floats = NDArray[np.float64]
_WORD = 8
_SPARE_BITS = 11


class NoDraws(UsageError):
    """A policy blurs numbers, and nobody says where the noise comes from."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        super().__init__(
            f"the policy blurs {', '.join(columns)} and no source of noise is given; pass draws, "
            "from the platform's key for a release or fresh ones for a table of your own"
        )


class Draws(Protocol):
    """Where the noise comes from: one standard normal number for each row of a table."""

    def normal(self, purpose: str, rows: int) -> Floats:
        """(rows,) standard normal numbers, independent of those for another purpose."""


@dataclass(frozen=True)
class Keyed:
    """Noise that belongs to people: the same person gets the same in every cut and release.

    It is HMAC-SHA-256 of purpose and person. Without the key nobody can draw it again and take it
    off.

    Attributes:
        key: The platform's key for cuts.
        persons: Whom the rows are about, in order.

    Example:
        >>> once = Keyed(bytes(32), [7, 8, 9]).normal("wbc", 3)
        >>> again = Keyed(bytes(32), [9, 7]).normal("wbc", 2)
        >>> bool(again[1] == once[0])
        True
    """

    key: bytes = field(repr=False)
    persons: Sequence[int] = field(repr=False)

    def normal(self, purpose: str, rows: int) -> Floats:
        """One number per person."""
        if rows != len(self.persons):
            raise ValueError(f"the table has {rows} rows and {len(self.persons)} persons are named")
        words = [
            hmac.digest(self.key, f"haemony/blur/1\0{purpose}\0{person}".encode(), "sha256")[:_WORD]
            for person in self.persons
        ]
        return _normal(b"".join(words))


@dataclass(frozen=True)
class Fresh:
    """Noise from the operating system, other each time: two cuts of one table must not both leave.

    Example:
        >>> Fresh().normal("wbc", 3).shape
        (3,)
    """

    def normal(self, purpose: str, rows: int) -> Floats:  # noqa: ARG002 independent of all others
        """One number per row."""
        return _normal(os.urandom(rows * _WORD))


@dataclass(frozen=True)
class Seeded:
    """Noise for rehearsals, the same for the same seed; nothing leaves with it.

    Attributes:
        seed: Of every draw.
    """

    seed: int

    def normal(self, purpose: str, rows: int) -> Floats:
        """One number per row."""
        return generator(self.seed, "blur", purpose).standard_normal(rows)


def factors(released: Sequence[Coarsening], draws: Draws | None, rows: int) -> dict[str, Floats]:
    """By what the numbers of each blurred column are multiplied.

    Args:
        released: What is asked of the columns that go out.
        draws: Where the noise comes from. It is drawn once for all columns that are blurred
            together, so that the order of a person's events stays.
        rows: Of the table.

    Returns:
        (rows,) positive factors by column; columns that are not blurred have none.

    Raises:
        NoDraws: When a column is to be blurred and no source of noise is given.

    Example:
        >>> course = [Coarsening(day, blur=0.4, together="course") for day in ("relapse", "death")]
        >>> found = factors(course, Keyed(bytes(32), [7, 8, 9]), 3)
        >>> bool((found["relapse"] == found["death"]).all())
        True
    """
    asked = {how: how.blur for how in released if how.blur}
    if not asked:
        return {}
    if draws is None:
        raise NoDraws(tuple(how.column for how in asked))
    source = draws

    @cache
    def drawn(purpose: str) -> Floats:
        return source.normal(purpose, rows)

    def factor(how: Coarsening, blur: float) -> Floats:
        purpose = f"together {how.together}" if how.together else f"column {how.column}"
        ends = BLUR_STEP * np.arange(round(blur / BLUR_STEP) + 1)
        lengths = np.sqrt(np.diff(ends**2))
        walk = np.zeros(rows)
        for step, length in enumerate(lengths):
            walk += length * drawn(f"{purpose}\0{step}")
        found: Floats = np.exp(walk)
        return found

    return {how.column: factor(how, blur) for how, blur in asked.items()}


def multiplied(numbers: pl.Series, factor: Floats) -> pl.Series:
    """Numbers times their factors: what is missing stays missing, and only 0 becomes 0.

    A column of whole numbers stays one: days stay days.

    Example:
        >>> days = pl.Series([100.0, 1.0, 0.0, None])
        >>> multiplied(days, np.array([1.234, 0.2, 3.0, 1.1])).to_list()
        [123.0, 1.0, 0.0, None]
    """
    told = numbers.to_numpy() * factor
    if not (numbers != numbers.round()).any():
        size = np.abs(told)
        told = np.sign(told) * np.maximum(size.round(), np.sign(size))
    return pl.Series(numbers.name, told).fill_nan(None)


def _normal(words: bytes) -> Floats:
    """Standard normal numbers from random words of eight bytes."""
    shares = (np.frombuffer(words, dtype="<u8") >> _SPARE_BITS) + 0.5
    found: Floats = ndtri(shares / 2.0 ** (8 * _WORD - _SPARE_BITS))
    return found
