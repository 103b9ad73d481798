"""Differential privacy for counts: whole-number noise, drawn exactly, from a budget that runs out.

A count to which one person adds at most s is told with noise from the two-sided geometric
distribution: P(noise = z) is proportional to exp(-ε|z|/s) (Ghosh, Roughgarden, Sundararajan 2009,
doi:10.1145/1536414.1536464). That is ε-differentially private when it is drawn exactly.

Noise computed in floating point is not: the gaps between its values betray the count (Mironov 2012,
doi:10.1145/2382196.2382264). Here nothing is rounded: ε is a ratio of whole numbers, and draws are
made of fair integers by rejection (Canonne, Kamath, Steinke 2020, arXiv:2004.00010, algorithms 1
and 2), which come from the operating system's source of randomness. There is no seed: who could
draw the noise again could take it off.

Neighbouring tables differ by one person who is there or not. Where one table's person may be
another in the other, both leave and come: give twice the ``per_person``.

How long a draw takes depends on the noise (Jin, McMurtry, Rubinstein, Ohrimenko 2022,
doi:10.1109/SP46214.2022.9833672): do not let anybody time single draws.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from haemony.model.errors import RefusedByPolicy
from haemony.privacy.anonymity.faults import BadModel


class BudgetSpent(RefusedByPolicy):
    """A count would cost more privacy than is left."""

    def __init__(self, *, asked: Fraction, left: Fraction) -> None:
        self.asked, self.left = asked, left
        super().__init__(
            f"this costs ε = {asked} and ε = {left} is left; ask for less, or have the owners of "
            f"the data agree to a new budget"
        )


@dataclass(frozen=True, slots=True)
class Epsilon:
    """An amount of privacy loss, exact.

    Amounts add up: two answers about the same people cost the sum (sequential composition, Dwork,
    McSherry, Nissim, Smith 2006, doi:10.1007/11681878_14).

    Attributes:
        value: The amount, a positive ratio of whole numbers.

    Raises:
        BadModel: When it is not positive.

    Example:
        >>> Epsilon.of("0.1") + Epsilon.of("0.2") == Epsilon.of("0.3")
        True
    """

    value: Fraction

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise BadModel(f"ε is {self.value}", remedy="choose an ε above 0")

    @classmethod
    def of(cls, amount: str | int | Fraction) -> Epsilon:
        """Read an amount; decimals are given as text, since floats are not exact."""
        try:
            return cls(Fraction(amount))
        except (ValueError, ZeroDivisionError):
            raise BadModel("ε is no number", remedy="write it like 0.5 or 1/2") from None

    def __add__(self, other: Epsilon) -> Epsilon:
        return Epsilon(self.value + other.value)


@dataclass(frozen=True)
class Budget:
    """What may be spent on some people's data, and what was.

    Attributes:
        total: All there is.
        spent: What was spent so far.

    Raises:
        BudgetSpent: When more was spent than there is.

    Example:
        >>> budget = Budget(Epsilon.of(1)).spend(Epsilon.of("0.4")).spend(Epsilon.of("0.6"))
        >>> budget.left
        Fraction(0, 1)
        >>> budget.spend(Epsilon.of("0.001"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        haemony.privacy.noise.BudgetSpent: this costs ε = 1/1000 and ε = 0 is left; ask for less...
    """

    total: Epsilon
    spent: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.spent < 0:
            raise BadModel(f"{self.spent} was spent", remedy="nothing can be given back")
        if self.spent > self.total.value:
            raise BudgetSpent(asked=self.spent, left=self.total.value)

    @property
    def left(self) -> Fraction:
        """What may still be spent."""
        return self.total.value - self.spent

    def spend(self, amount: Epsilon) -> Budget:
        """The budget after an amount was spent.

        Raises:
            BudgetSpent: When less is left.
        """
        if amount.value > self.left:
            raise BudgetSpent(asked=amount.value, left=self.left)
        return Budget(self.total, self.spent + amount.value)


class Ledger(Protocol):
    """Where spending is recorded, such that nobody spends the same budget twice."""

    def spend(self, amount: Epsilon, purpose: str) -> None:
        """Record an amount for good before an answer is told.

        Raises:
            BudgetSpent: When less is left; nothing is recorded then.
        """


@dataclass
class OpenLedger:
    """A ledger in memory, for one process and for trying out.

    Attributes:
        budget: What is left of it.
        entries: What was spent for which purpose, in order.

    Example:
        >>> ledger = OpenLedger(Budget(Epsilon.of(1)))
        >>> ledger.spend(Epsilon.of("1/2"), "patients by sex")
        >>> ledger.budget.left
        Fraction(1, 2)
    """

    budget: Budget
    entries: list[tuple[str, Epsilon]] = field(default_factory=list)

    def spend(self, amount: Epsilon, purpose: str) -> None:
        """Record an amount."""
        self.budget = self.budget.spend(amount)
        self.entries.append((purpose, amount))


def noisy_count(
    count: int, epsilon: Epsilon, ledger: Ledger, *, purpose: str, per_person: int = 1
) -> int:
    """Tell a count with noise; the budget is charged first.

    The answer may be negative or too large: cutting it off before adding counts up would bias
    their sum, and cutting it off for display costs no privacy.

    Args:
        count: The true count.
        epsilon: The privacy loss.
        ledger: Where it is recorded.
        purpose: What the count is of, for the record; no patient value.
        per_person: The most that one person may add to the count.

    Raises:
        BudgetSpent: When less is left; nothing is told then.
        BadModel: When ``per_person`` is not positive.

    Example:
        >>> ledger = OpenLedger(Budget(Epsilon.of(1)))
        >>> answer = noisy_count(418, Epsilon.of(1), ledger, purpose="NPM1-mutated patients")
        >>> isinstance(answer, int), ledger.budget.left
        (True, Fraction(0, 1))
    """
    _check(per_person)
    ledger.spend(epsilon, purpose)
    return count + _noise(epsilon, per_person)


def noisy_histogram(
    counts: Mapping[str, int],
    epsilon: Epsilon,
    ledger: Ledger,
    *,
    purpose: str,
    per_person: int = 1,
) -> dict[str, int]:
    """Tell a table of counts with noise; the budget is charged once.

    People are in one cell each, or add at most ``per_person`` to all cells together. The cells must
    be named without looking at the data, empty ones included: which cells there are is told as
    it is.

    Args:
        counts: The true count of each cell.
        epsilon: The privacy loss of the whole table.
        ledger: Where it is recorded.
        purpose: What is counted, for the record.
        per_person: The most that one person may add to all cells together.

    Raises:
        BudgetSpent: When less is left; nothing is told then.
        BadModel: When ``per_person`` is not positive.

    Example:
        >>> ledger = OpenLedger(Budget(Epsilon.of(1)))
        >>> cells = {"female": 719, "male": 821}
        >>> told = noisy_histogram(cells, Epsilon.of("1/2"), ledger, purpose="patients by sex")
        >>> list(told), ledger.budget.left
        (['female', 'male'], Fraction(1, 2))
    """
    _check(per_person)
    ledger.spend(epsilon, purpose)
    return {cell: count + _noise(epsilon, per_person) for cell, count in counts.items()}


def margin(epsilon: Epsilon, per_person: int = 1, confidence: Fraction = Fraction(19, 20)) -> int:
    """How far a noisy count is from the truth at most, this often.

    With r = exp(-ε/s), noise exceeds z in size with chance 2 r^(z+1) / (1 + r).

    Example:
        >>> margin(Epsilon.of(1)), margin(Epsilon.of("0.1"))
        (3, 30)
    """
    _check(per_person)
    if not 0 < confidence < 1:
        raise BadModel(f"the confidence is {confidence}", remedy="choose it between 0 and 1")
    ratio = math.exp(-float(epsilon.value) / per_person)
    beyond = math.log(float(1 - confidence) * (1 + ratio) / 2) / math.log(ratio)
    return max(math.ceil(beyond - 1e-12) - 1, 0)


def _noise(epsilon: Epsilon, per_person: int) -> int:
    rate = epsilon.value / per_person
    return two_sided_geometric(rate.numerator, rate.denominator)


def two_sided_geometric(numerator: int, denominator: int) -> int:
    """Draw a whole number z with probability proportional to exp(-|z| · numerator / denominator).

    Canonne, Kamath, Steinke 2020, algorithm 2.

    Raises:
        BadModel: When a number is not positive.
    """
    if numerator < 1 or denominator < 1:
        raise BadModel("the rate of the noise is not positive", remedy="choose an ε above 0")
    while True:
        rest = secrets.randbelow(denominator)
        if not _happens(Fraction(rest, denominator)):
            continue
        whole = 0
        while _happens(Fraction(1)):
            whole += 1
        size = (rest + denominator * whole) // numerator
        negative = bool(secrets.randbelow(2))
        if not (negative and size == 0):
            return -size if negative else size


def _happens(rate: Fraction) -> bool:
    """True with probability exp(-rate), for rates from 0 to 1 (their algorithm 1).

    The number of the first of the events of chance rate/1, rate/2, ... that does not happen is odd
    with this probability.
    """
    turn = 1
    while secrets.randbelow(rate.denominator * turn) < rate.numerator:
        turn += 1
    return turn % 2 == 1


def _check(per_person: int) -> None:
    if per_person < 1:
        raise BadModel(
            f"one person adds at most {per_person}", remedy="choose a whole number above 0"
        )
