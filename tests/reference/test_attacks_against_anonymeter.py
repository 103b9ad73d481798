"""Our attacks against those of anonymeter, on the same people in silico.

The figures in ``anonymeter.csv`` are made by ``benchmarks/anonymeter_reference.py`` in an
environment of its own. Both make the attacks of the same paper, so rates of linkability and
inference must agree within chance; ties, scales and predicates differ.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from anonymeter_reference import NUMBERS, RELEASES, SECRETS, SIDES, tables

from haemony.privacy.attacks import (
    Categorical,
    Column,
    Interval,
    Numeric,
    Outcome,
    Predicates,
    Rate,
    Rehearsal,
    inference,
    linkability,
    singling_out,
)

FIGURES = pl.read_csv(Path(__file__).parent / "anonymeter.csv", null_values=[])


def rehearsal(release: str) -> Rehearsal:
    """The tables of the reference script."""
    released, members, control = (pl.DataFrame(table) for table in tables(release))
    columns: dict[str, Column] = {
        name: Numeric() if name in NUMBERS else Categorical() for name in released.columns
    }
    return Rehearsal(released, members, control, columns)


def theirs(release: str, attack: str, aim: str = "") -> tuple[Rate, Rate, Interval]:
    """Their rates on members and control, and their interval of the excess."""
    (row,) = FIGURES.filter(
        (pl.col("release") == release)
        & (pl.col("attack") == attack)
        & (pl.col("aim").fill_null("") == aim)
    ).iter_rows(named=True)
    return (
        Rate(row["members"], row["attempts"]),
        Rate(row["control"], row["attempts"]),
        Interval(row["excess_low"], row["excess_high"], 0.95),
    )


def agree(ours: Rate, other: Rate) -> bool:
    """Whether the difference of two rates is within chance at 99 %."""
    one, two = ours.wilson(0.99), other.wilson(0.99)
    return max(one.low, two.low) <= min(one.high, two.high)


@pytest.mark.parametrize("release", RELEASES)
def test_linkability_agrees(release: str) -> None:
    """On members and on the control, from a copy to an unrelated table."""
    found = linkability(rehearsal(release), SIDES, attempts=600)

    members, control, _ = theirs(release, "linkability")
    assert agree(found.on_members, members)
    assert agree(found.on_control, control)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("release", RELEASES)
def test_inference_agrees(release: str, secret: str) -> None:
    """Of a name and of a number within 5 %."""
    found = inference(rehearsal(release), secret, attempts=600)

    members, control, _ = theirs(release, "inference", secret)
    assert agree(found.on_members, members)
    assert agree(found.on_control, control)


def singled(release: str) -> Outcome:
    """Predicates of several columns."""
    return singling_out(rehearsal(release), Predicates.MULTIVARIATE, attempts=500)


def test_singling_out_agrees_on_a_copy_and_on_an_unrelated_table() -> None:
    """A copy singles out everybody; an unrelated table nobody beyond the control, in both."""
    copy, unrelated = singled("copied"), singled("unrelated")

    assert copy.on_members == theirs("copied", "singling out", "multivariate")[0] == Rate(500, 500)
    assert unrelated.excess.interval.low <= 0
    assert theirs("unrelated", "singling out", "multivariate")[2].low <= 0


def test_singling_out_sees_through_a_blur_that_theirs_does_not() -> None:
    """Numbers blurred by 2 %: our predicates exceed the control by half, theirs not at all."""
    blurred = singled("blurred")

    assert blurred.excess.interval.low > 0.4
    assert theirs("blurred", "singling out", "multivariate")[2].low == 0
