"""Noisy counts: the distribution of the noise, and a budget that runs out."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from scipy.stats import chisquare

from haemony.model.errors import Exit
from haemony.privacy import noise
from haemony.privacy.anonymity.faults import BadModel
from haemony.privacy.noise import (
    Budget,
    BudgetSpent,
    Epsilon,
    OpenLedger,
    margin,
    noisy_count,
    noisy_histogram,
    two_sided_geometric,
)


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that are the same in each run of the test; in use they come from the system."""
    monkeypatch.setattr(noise.secrets, "randbelow", random.Random(2020).randrange)  # noqa: S311


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(("numerator", "denominator"), [(1, 1), (1, 3), (7, 5), (3, 1)])
def test_noise_has_its_distribution(numerator: int, denominator: int) -> None:
    """20,000 draws against P(z) = (1 - r) / (1 + r) · r^|z| with r = exp(-rate)."""
    draws = 20_000
    ratio = math.exp(-numerator / denominator)
    found = Counter(two_sided_geometric(numerator, denominator) for _ in range(draws))

    size = next(z for z in range(100) if draws * (1 - ratio) / (1 + ratio) * ratio**z < 10)
    middle = range(-size, size + 1)
    chances = [(1 - ratio) / (1 + ratio) * ratio ** abs(z) for z in middle]
    counts = [found[z] for z in middle]
    rest = draws - sum(counts)
    test = chisquare([*counts, rest], [draws * c for c in [*chances, 1 - sum(chances)]])

    assert test.pvalue > 0.001


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("epsilon", ["0.1", "0.5", "1", "2"])
def test_the_margin_holds_as_often_as_it_says(epsilon: str) -> None:
    """At least 95 of 100 answers lie within the margin, and fewer within one less."""
    amount = Epsilon.of(epsilon)
    ratio = math.exp(-float(amount.value))
    within = margin(amount)

    def outside(z: int) -> float:
        return 2 * ratio ** (z + 1) / (1 + ratio)

    assert outside(within) <= 0.05
    assert within == 0 or outside(within - 1) > 0.05
    rate = amount.value
    off = [abs(two_sided_geometric(rate.numerator, rate.denominator)) for _ in range(4000)]
    share = sum(z > within for z in off) / 4000
    assert share == pytest.approx(outside(within), abs=4 * math.sqrt(0.05 * 0.95 / 4000))


@pytest.mark.usefixtures("seeded")
def test_one_person_who_adds_more_needs_more_noise() -> None:
    """Two per person at ε = 1 is one per person at ε = 1/2."""
    assert margin(Epsilon.of(1), per_person=2) == margin(Epsilon.of("1/2"))
    ledger = OpenLedger(Budget(Epsilon.of(10_000)))
    answers = [
        noisy_count(0, Epsilon.of(1), ledger, purpose="visits", per_person=2) for _ in range(4000)
    ]

    ratio = math.exp(-0.5)
    variance = 2 * ratio / (1 - ratio) ** 2
    assert sum(a * a for a in answers) / 4000 == pytest.approx(variance, rel=0.1)


def test_a_spent_budget_tells_nothing() -> None:
    """The refusal is one of policy; the ledger keeps what was spent before."""
    ledger = OpenLedger(Budget(Epsilon.of(1)))
    noisy_histogram({"f": 719, "m": 821}, Epsilon.of("0.7"), ledger, purpose="patients by sex")

    with pytest.raises(BudgetSpent, match="costs ε = 2/5 and ε = 3/10 is left") as refusal:
        noisy_count(418, Epsilon.of("0.4"), ledger, purpose="NPM1")

    assert refusal.value.exit_code is Exit.REFUSED
    assert ledger.entries == [("patients by sex", Epsilon.of("7/10"))]
    assert ledger.budget.left == Fraction(3, 10)


def test_a_ledger_that_refuses_stops_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charged first: no noise is drawn for an answer that may not be told."""

    class Shut:
        def spend(self, amount: Epsilon, purpose: str) -> None:  # noqa: ARG002
            raise BudgetSpent(asked=amount.value, left=Fraction(0))

    def drawn(_: int) -> int:
        raise AssertionError

    monkeypatch.setattr(noise.secrets, "randbelow", drawn)

    with pytest.raises(BudgetSpent):
        noisy_count(418, Epsilon.of(1), Shut(), purpose="NPM1")


def test_noise_comes_from_the_operating_system() -> None:
    """Nothing in the module can be seeded."""
    random.seed(1)
    first = [two_sided_geometric(1, 1000) for _ in range(20)]
    random.seed(1)

    assert first != [two_sided_geometric(1, 1000) for _ in range(20)]


def test_senseless_amounts_are_refused() -> None:
    """Not positive, no number, given back."""
    with pytest.raises(BadModel, match="ε is 0"):
        Epsilon.of(0)
    with pytest.raises(BadModel, match="no number"):
        Epsilon.of("a little")
    with pytest.raises(BadModel, match="nothing can be given back"):
        Budget(Epsilon.of(1), Fraction(-1))
    with pytest.raises(BudgetSpent):
        Budget(Epsilon.of(1), Fraction(2))
    with pytest.raises(BadModel, match="adds at most 0"):
        noisy_count(1, Epsilon.of(1), OpenLedger(Budget(Epsilon.of(1))), purpose="x", per_person=0)
