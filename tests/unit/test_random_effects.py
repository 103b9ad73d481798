"""Grouped random effects: what they say, and what they refuse."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from haemony.analysis import random_effects, survival
from haemony.analysis.survival import BadCovariate, BadFormula, NothingToAnalyse, Surv

GENES = [f"gene_{i}" for i in range(12)]


def patients(n: int = 400, seed: int = 5, sd: float = 0.5) -> pl.DataFrame:
    """Binary findings whose effects have mean 0.2 and a known spread, and age."""
    rng = np.random.default_rng(seed)
    x = (rng.random((n, len(GENES))) < 0.25).astype(int)
    effects = rng.normal(0.2, sd, len(GENES))
    age = rng.normal(0, 1, n)
    death = rng.exponential(300 * np.exp(-(x @ effects) - 0.3 * age))
    days = np.ceil(np.minimum(death, 900))
    columns = {name: x[:, i] for i, name in enumerate(GENES)}
    return pl.DataFrame(
        {"days": days, "died": (death <= 900).astype(int), "age": age,
         "trial": np.where(rng.random(n) < 0.5, "a", "b"), **columns}
    )  # fmt: skip


def fitted(**options: object) -> random_effects.RandomEffects:
    """The genes as one group, age not shrunk."""
    given = {"groups": {"genes": GENES}} | options
    return random_effects.cox("Surv(days, died) ~ age + strata(trial)", patients(), **given)


def test_a_group_is_shrunk_to_its_mean() -> None:
    """Effects lie between those of an unpenalised model and the mean of their group."""
    fit = fitted()
    free = survival.cox(f"Surv(days, died) ~ age + {' + '.join(GENES)} + strata(trial)", patients())

    genes = np.array([name in GENES for name in fit.names])
    spread = np.std(fit.coefficients[genes])
    assert fit.converged
    assert 0.2 < np.sqrt(fit.variances[0]) < 0.8
    assert spread < np.std(free.coefficients[genes])
    assert fit.means[0] == pytest.approx(fit.coefficients[genes].mean())


def test_the_table_and_the_components_tell_the_same() -> None:
    """Groups, effects, shares: shares sum to one, degrees of freedom stay below the effects."""
    fit = fitted()
    parts = fit.variance_components()

    assert fit.table()["group"].to_list().count("genes") == len(GENES)
    assert parts["group"].to_list() == ["genes", "not shrunk"]
    assert parts["share"].sum() == pytest.approx(1)
    assert 0 < parts["df"][0] < len(GENES)
    assert parts["mean"][1] is None
    assert parts["std_dev"][1] is None


def test_a_patients_risk_is_the_sum_of_its_parts() -> None:
    """Decomposed log hazards sum to the linear predictor, for new patients too."""
    fit = fitted()
    new = patients(seed=9).head(5)
    parts = fit.decompose(new).group_by("row", maintain_order=True).agg(pl.col("log_hazard").sum())

    assert np.allclose(parts["log_hazard"], fit.risk(new)["log_hazard"])
    assert np.allclose(
        fit.decompose()
        .group_by("row", maintain_order=True)
        .agg(pl.col("log_hazard").sum())["log_hazard"],
        fit.linear_predictors,
    )
    survived = fit.predict(new, [100, 300])
    assert survived["lower"].is_between(0, survived["survival"]).all()


def test_posterior_intervals_are_wider_than_sampling_ones() -> None:
    """Shrunken estimates vary less than the truth around them."""
    fit = fitted()
    posterior, sampling = fit.table()["std_err"], fit.table(uncertainty="sampling")["std_err"]

    assert (posterior >= sampling - 1e-12).all()
    with pytest.raises(BadCovariate, match="choose one of posterior, sampling"):
        fit.table(uncertainty="both")


def test_estimators_differ_as_they_should() -> None:
    """BLUP finds less than ML, ML less than REML; a strong prior decides."""
    found = {e: fitted(estimator=e).variances[0] for e in ("blup", "ml", "reml")}
    prior = fitted(prior_df=1e6, prior_variance=0.01).variances[0]

    assert found["blup"] < found["ml"] < found["reml"]
    assert prior == pytest.approx(0.01, rel=1e-3)


def test_the_reml_variance_is_the_em_fixed_point() -> None:
    """Variance = (squared deviations + their posterior variance) / degrees of freedom."""
    fit = fitted()
    genes = fit.groups.members[0]
    block = fit.covariance[np.ix_(genes, genes)]
    expected = fit.groups.squares(fit.coefficients)[0] + np.trace(block) - block.mean() * len(genes)

    assert fit.variances[0] == pytest.approx(expected / (len(genes) - 1), rel=1e-5)


def test_effects_that_are_all_alike_have_no_variance() -> None:
    """A group without spread says so, and its effects equal its mean."""
    rng = np.random.default_rng(2)
    x = (rng.random((500, 8)) < 0.3).astype(float)
    names = [f"g{i}" for i in range(8)]
    fit = random_effects.cox(
        Surv.right(rng.exponential(1, 500), np.ones(500)),
        covariates=x,
        names=names,
        groups={"genes": names},
    )

    assert fit.variances[0] < 0.02
    if fit.variances[0] <= 1e-6:
        assert "no variance found" in fit.notes[0]


def test_a_finding_that_nobody_has_gets_its_groups_mean() -> None:
    """A constant covariate of a group is kept and named."""
    table = patients().with_columns(rare=pl.lit(0))
    fit = random_effects.cox("Surv(days, died) ~ 1", table, groups={"genes": [*GENES, "rare"]})

    assert fit.coefficients[fit.names.index("rare")] == pytest.approx(fit.means[0])
    assert any("rare never varies" in note for note in fit.notes)


def test_terms_of_groups_may_be_parts_of_formulas() -> None:
    """Interactions in any order, transformations and odd column names find their group."""
    table = patients().rename({"gene_0": "t(8;21)"})
    fit = random_effects.cox(
        "Surv(days, died) ~ gene_1:age",
        table,
        groups={"fusions": ["t(8;21)"], "others": ["age:gene_1", "I(age ** 2)", "gene_2"]},
        means=["others"],
    )

    assert sorted(fit.labels) == ["fusions", "others", "others", "others"]
    assert fit.means[0] == 0


def test_printing_names_counts_and_groups() -> None:
    """The print is short: counts, components, concordance."""
    text = str(fitted())

    assert text.startswith("n = 400, events = ")
    assert "genes" in text
    assert "concordance 0." in text


def test_a_group_of_one_with_a_mean_is_not_shrunk() -> None:
    """Its mean is its effect: said in a note."""
    fit = fitted(groups={"genes": GENES[:6], "one": GENES[6:7]})

    assert any(note.startswith("one: ") for note in fit.notes)
    assert np.isinf(fit.variances[1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"groups": {}}, "hold no covariate"),
        ({"groups": {"a": ["gene_0"], "b": ["gene_0"]}}, "a group has already"),
        ({"estimator": "aic"}, "choose one of reml, ml, blup"),
        ({"variances": 0.0}, "positive"),
        ({"variances": {"fusions": 1.0}}, "which is no group"),
        ({"means": "none"}, "choose 'estimated'"),
        ({"means": ["fusions"]}, "the groups are genes"),
        ({"prior_variance": -1.0}, "not a prior"),
        ({"ties": "exact"}, "choose 'efron' or 'breslow'"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], said: str) -> None:
    """Each fault names its cause and the next step."""
    with pytest.raises(BadCovariate, match=said):
        fitted(**options)


def test_no_event_no_model() -> None:
    """Nobody died: an error, not a number."""
    with pytest.raises(NothingToAnalyse, match="nobody had the event"):
        random_effects.cox(
            "Surv(days, died) ~ 1",
            patients().with_columns(died=pl.lit(0)),
            groups={"genes": GENES},
        )


def test_clusters_and_stray_arrays_are_refused() -> None:
    """What is not offered is said, not ignored."""
    with pytest.raises(BadFormula, match="cluster"):
        random_effects.cox("Surv(days, died) ~ cluster(trial)", patients(), groups={"genes": GENES})
    with pytest.raises(BadFormula, match="cannot be given beside it"):
        fitted(offset=np.zeros(400))
    with pytest.raises(BadCovariate, match="one row per follow-up"):
        random_effects.cox(
            Surv.right([1, 2], [1, 1]), covariates=[[1.0]], names=["a"], groups={"g": ["a"]}
        )
    with pytest.raises(BadCovariate, match="not among the covariates"):
        random_effects.cox(
            Surv.right([1, 2], [1, 1]), covariates=[[1.0], [2.0]], names=["a"], groups={"g": ["b"]}
        )


def test_separation_is_named_where_nothing_shrinks_it() -> None:
    """A free covariate that separates is named; a shrunken one stays finite."""
    table = patients().with_columns(perfect=1 - pl.col("died"))
    free = random_effects.cox("Surv(days, died) ~ perfect", table, groups={"genes": GENES[:4]})
    held = random_effects.cox(
        "Surv(days, died) ~ 1",
        table,
        groups={"genes": [*GENES[:4], "perfect"]},
        variances=1.0,
    )

    assert any("perfect has no finite estimate" in note for note in free.notes)
    assert held.converged
    assert abs(held.coefficients[-1]) < 10


@pytest.mark.parametrize(("sd", "seed"), [(0.12, 19), (0.08, 31)])
def test_a_variance_near_zero_settles(sd: float, seed: int) -> None:
    """Where effects hardly differ, an estimate of their variance creeps; it gets there."""
    groups = {"first": GENES[:6], "others": GENES[6:]}

    fit = random_effects.cox("Surv(days, died) ~ 1", patients(300, seed, sd), groups=groups)

    assert fit.converged
    assert fit.iterations < 250
