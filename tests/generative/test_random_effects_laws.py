"""Laws of grouped random effects and of gene pairs that hold for all inputs."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from haemony.analysis import genomics, random_effects
from haemony.analysis.survival import Surv

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=15)


def cohort(seed: int, n: int = 120, p: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tied whole days, events and binary covariates."""
    rng = np.random.default_rng(seed)
    x = (rng.random((n, p)) < 0.3).astype(float)
    days = np.ceil(rng.exponential(30 * np.exp(-x @ rng.normal(0.1, 0.5, p))))
    return days, rng.random(n) < 0.8, x


def fit(
    days: np.ndarray, died: np.ndarray, x: np.ndarray, variance: float | None = None
) -> random_effects.RandomEffects:
    """One group of all covariates."""
    names = [f"x{i}" for i in range(x.shape[1])]
    return random_effects.cox(
        Surv.right(days, died), covariates=x, names=names, groups={"all": names}, variances=variance
    )


@given(seed=SEEDS)
@FEW
def test_row_order_and_unit_of_time_change_nothing(seed: int) -> None:
    """Rows in another order, days as weeks: the same effects and variances."""
    days, died, x = cohort(seed)
    order = np.random.default_rng(seed).permutation(len(days))

    one, other = fit(days, died, x), fit(days[order] / 7, died[order], x[order])

    assert np.allclose(one.coefficients, other.coefficients, atol=1e-6)
    assert np.allclose(one.variances, other.variances, atol=1e-6)


@given(seed=SEEDS)
@FEW
def test_splitting_follow_up_changes_nothing(seed: int) -> None:
    """A patient in two intervals is the patient in one."""
    days, died, x = cohort(seed)
    long = days > 10
    start = np.concatenate([np.zeros(len(days)), np.full(long.sum(), 10.0)])
    stop = np.concatenate([np.where(long, 10.0, days), days[long]])
    event = np.concatenate([np.where(long, False, died), died[long]])
    names = [f"x{i}" for i in range(x.shape[1])]

    split = random_effects.cox(
        Surv.delayed(start, stop, event),
        covariates=np.concatenate([x, x[long]]),
        names=names,
        groups={"all": names},
        variances=0.2,
    )

    assert np.allclose(split.coefficients, fit(days, died, x, 0.2).coefficients, atol=1e-7)


@given(seed=SEEDS, narrow=st.floats(0.01, 0.1), wide=st.floats(0.3, 5))
@FEW
def test_a_smaller_variance_shrinks_more(seed: int, narrow: float, wide: float) -> None:
    """Deviations from the mean, degrees of freedom and likelihood all fall with the variance."""
    few, many = (fit(*cohort(seed), variance) for variance in (narrow, wide))

    squares = [f.groups.squares(f.coefficients)[0] for f in (few, many)]
    assert squares[0] <= squares[1] + 1e-9
    assert few.df[0] <= many.df[0] + 1e-9
    assert few.log_likelihood.fitted <= many.log_likelihood.fitted + 1e-9


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
@settings(max_examples=30)
def test_fishers_test_knows_no_order(cells: list[int]) -> None:
    """Swapping the alterations leaves all; negating one inverts the odds ratio and its limits."""
    a, b, c, d = cells
    tests = genomics.fisher([[a, b, c, d], [a, c, b, d], [b, a, d, c]])

    assert np.allclose(tests.p, tests.p[0])
    assert np.allclose(tests.odds_ratio[0], tests.odds_ratio[1], equal_nan=True)
    with np.errstate(divide="ignore"):
        assert np.allclose(tests.lower[0], 1 / tests.upper[2], rtol=1e-6)
        assert np.allclose(tests.odds_ratio[0], 1 / tests.odds_ratio[2], equal_nan=True)
    assert tests.lower[0] <= tests.upper[0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=30)
def test_adjusted_values_keep_the_order_and_never_fall_below(p: list[float]) -> None:
    """Holm lies between Benjamini-Hochberg and Bonferroni; none is below p."""
    given_p = np.array(p)
    bh, holm, bonferroni = (genomics.adjust(p, m) for m in ("BH", "holm", "bonferroni"))

    assert (bh >= given_p - 1e-12).all()
    assert (bh <= holm + 1e-12).all()
    assert (holm <= bonferroni + 1e-12).all()
    assert (np.diff(bh[np.argsort(given_p)]) >= -1e-12).all()


@given(seed=SEEDS)
@settings(max_examples=8)
def test_pairs_know_no_order_of_rows_or_names(seed: int) -> None:
    """The tests of pairs are those of the rows shuffled and the alterations reversed."""
    days, died, x = cohort(seed, n=150, p=3)
    table = pl.DataFrame({"days": days, "died": died, "a": x[:, 0], "b": x[:, 1], "c": x[:, 2]})
    formula = "Surv(days, died) ~ 1"
    one = genomics.interactions(formula, table, ["a", "b", "c"], permutations=0, least=2)
    other = genomics.interactions(
        formula, table.sample(fraction=1, shuffle=True, seed=seed), ["c", "b", "a"],
        permutations=0, least=2,
    )  # fmt: skip

    assert np.allclose(np.sort(one.fits.statistic), np.sort(other.fits.statistic), atol=1e-6)
