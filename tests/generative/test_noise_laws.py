"""What holds for every budget and every rate of noise."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haemony.privacy.noise import Budget, BudgetSpent, Epsilon, margin

amounts = st.fractions(min_value=Fraction(1, 1000), max_value=20, max_denominator=1000).map(Epsilon)


@given(total=amounts, spending=st.lists(amounts, max_size=12))
def test_a_budget_adds_up_and_is_never_exceeded(total: Epsilon, spending: list[Epsilon]) -> None:
    """What is left and what was spent make the total, to the last digit; the rest is refused."""
    budget, spent = Budget(total), Fraction(0)
    for amount in spending:
        if spent + amount.value <= total.value:
            budget, spent = budget.spend(amount), spent + amount.value
        else:
            with pytest.raises(BudgetSpent):
                budget.spend(amount)

    assert budget.spent == spent
    assert budget.left == total.value - spent >= 0


@given(one=amounts, two=amounts, total=amounts)
def test_spending_in_parts_is_spending_the_sum(one: Epsilon, two: Epsilon, total: Epsilon) -> None:
    """Amounts add up in any order, exactly."""
    assert one + two == two + one
    if (one + two).value <= total.value:
        assert Budget(total).spend(one).spend(two) == Budget(total).spend(one + two)


@given(one=amounts, two=amounts)
def test_more_epsilon_is_no_wider_margin(one: Epsilon, two: Epsilon) -> None:
    """Margins fall with ε and rise with what one person may add."""
    less, more = sorted([one, two], key=lambda amount: amount.value)

    assert margin(more) <= margin(less)
    assert margin(less, per_person=2) >= margin(less)
    assert math.isfinite(margin(less))
