"""Laws of samples of patients, of sums over risk sets and of pairs, for every cohort."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from haemony.analysis.survival.data import columns
from haemony.analysis.survival.data.columns import Columns, Covariates
from haemony.analysis.survival.data.counts import stable_order
from haemony.analysis.survival.data.response import Surv
from haemony.analysis.survival.ranks.concordance import compare_pairs
from haemony.analysis.survival.regression.cox import CoxFit, cox
from haemony.analysis.survival.regression.refitting import Refitting
from haemony.analysis.survival.regression.risk_sets import RiskSets
from haemony.model.errors import HaemonyError


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Patients with tied times, late entries, sites, weights, and how often each is drawn."""
    n = draw(st.integers(12, 40))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    start, length = column(0, 3), column(1, draw(st.integers(2, 12)))
    return pl.DataFrame(
        {
            "start": start,
            "days": [a + b for a, b in zip(start, length, strict=True)],
            "died": column(0, 1),
            "age": column(18, 80),
            "gene": column(0, 1),
            "site": column(0, draw(st.integers(0, 2))),
            "weight": column(1, 4),
            "known": column(-2, 2),
            "times": column(0, 3),
        }
    )


@settings(max_examples=25)
@given(cohorts(), st.sampled_from(["efron", "breslow"]), st.booleans())
def test_a_refit_is_the_fit_to_the_rows_drawn(
    table: pl.DataFrame, ties: str, delayed: bool
) -> None:
    """Refitting by counts equals fitting the rows repeated one by one, Efron's ties included."""
    time = "start, days" if delayed else "days"
    formula = f"Surv({time}, died) ~ age + gene + strata(site) + offset(known)"
    drawn = table.select(pl.all().exclude("times").repeat_by("times")).explode(pl.all())
    fit = fitted(formula, table, ties)
    expected = fitted(formula, drawn, ties)

    again = Refitting.of(fit).to(table["times"].to_numpy())

    assert again.coefficients == pytest.approx(expected.coefficients, abs=1e-8)


@settings(max_examples=25)
@given(cohorts())
def test_sums_over_risk_sets_are_what_counting_gives(table: pl.DataFrame) -> None:
    """At each event time: those under observation, and those who die; and back to the rows."""
    response = Surv.delayed(table["start"], table["days"], table["died"])
    strata, weight = table["site"].to_numpy(), table["weight"].to_numpy().astype(float)
    x = table.select("age", "known").to_numpy().astype(float)
    sets = RiskSets.of(response, strata)
    start, stop = response.start, response.stop
    late_enough = start[:, None] < sets.times
    at_risk = late_enough & (sets.times <= stop[:, None]) & (strata[:, None] == sets.stratum)
    dying = at_risk & (stop[:, None] == sets.times) & response.died[:, None]

    sums = sets.sums(weight, Covariates.plain(x))
    values = np.arange(len(sets.times)) + 0.5
    met = sets.sum_while_at_risk(values, values / 4)

    weighted = weight[:, None] * x
    assert sums[0] == pytest.approx(at_risk.T @ weighted)
    assert sums[1] == pytest.approx(dying.T @ weighted)
    assert met == pytest.approx(at_risk @ values - dying @ (values / 4))
    assert sets.deaths.tolist() == dying.sum(axis=0).tolist()
    for event in range(len(sets.times)):
        assert sets.at_risk(event).tolist() == np.flatnonzero(at_risk[:, event]).tolist()


@settings(max_examples=25)
@given(cohorts())
def test_pairs_are_what_counting_gives(table: pl.DataFrame) -> None:
    """Concordant, discordant and tied pairs, by looking at every pair."""
    start, stop, site = (table[name].to_numpy() for name in ("start", "days", "site"))
    died, score = table["died"].to_numpy() > 0, table["age"].to_numpy() // 10 * 1.0
    weight = table["weight"].to_numpy().astype(float)
    later = (stop[:, None] < stop) | ((stop[:, None] == stop) & ~died)
    pair = died[:, None] & later & (start < stop[:, None]) & (site[:, None] == site)
    size = pair * np.outer(weight, weight)
    rises = np.sign(score - score[:, None])

    found = compare_pairs(Surv.delayed(start, stop, died), score, weights=weight, strata=site)

    assert found.concordant == pytest.approx(size[rises > 0].sum())
    assert found.discordant == pytest.approx(size[rises < 0].sum())
    assert found.tied == pytest.approx(size[rises == 0].sum())


@given(st.lists(st.integers(0, 2**40), max_size=50))
def test_whole_numbers_are_sorted_and_equals_keep_their_order(codes: list[int]) -> None:
    """Counting sixteen bits at a time gives the order of a stable sort."""
    values = np.array(codes, dtype=np.intp)

    assert stable_order(values).tolist() == np.argsort(values, kind="stable").tolist()


@given(st.integers(1, 300), st.integers(0, 5), st.integers(0, 9))
def test_columns_are_what_numpy_says_of_them(n: int, p: int, seed: int) -> None:
    """Range, mean and spread of each column."""
    draw = np.random.default_rng(seed)
    x, weights = draw.normal(50, 3, (n, p)), draw.integers(1, 4, n).astype(float)

    found = Columns.of(x, weights)

    assert found.span == pytest.approx(np.ptp(x, axis=0))
    assert found.means == pytest.approx(weights @ x / weights.sum())
    assert found.spread == pytest.approx(x.std(axis=0), abs=1e-5)


@given(st.integers(1, 300), st.integers(0, 5), st.sampled_from([16, 500]), st.integers(0, 9))
def test_sums_over_rows_do_not_depend_on_blocks(n: int, p: int, block: int, seed: int) -> None:
    """Covariates seen around their means, in one block or in many, sum as NumPy sums them."""
    draw = np.random.default_rng(seed)
    x, weight = draw.normal(50, 3, (n, p)), draw.normal(size=n)
    means, scale, beta = x.mean(axis=0), np.full(p, 2.0), draw.normal(size=p)
    place, chosen = draw.integers(0, 7, n), draw.integers(0, n, 5)
    rows, kept = (x - means) / scale, np.arange(p)[::2]

    with patch.object(columns, "BLOCK", block):
        seen = Covariates(x, means, scale)

        assert seen @ beta == pytest.approx(rows @ beta)
        assert seen.total(weight) == pytest.approx(weight @ rows)
        assert seen.square(weight) == pytest.approx(rows.T @ (weight[:, None] * rows))
        assert seen.square(weight**2) == pytest.approx(rows.T @ (weight[:, None] ** 2 * rows))
        by_place = (place == np.arange(7)[:, None]) @ (weight[:, None] * rows)
        assert seen.total_by(place, weight, 7) == pytest.approx(by_place)
        assert seen.rows(chosen) == pytest.approx(rows[chosen])
        assert seen.all() == pytest.approx(rows)
        assert seen.among(kept).all() == pytest.approx(rows[:, kept])


def fitted(formula: str, table: pl.DataFrame, ties: str) -> CoxFit:
    """A fit with a finite estimate, or another cohort."""
    try:
        fit = cox(formula, table, ties=ties, weights="weight", robust=False)  # type: ignore[arg-type]
    except HaemonyError:
        assume(False)
        raise
    assume(fit.converged and np.abs(fit.coefficients).max() < 2)
    return fit
